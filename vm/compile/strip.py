"""Drop DWARF from a BPF object: it holds every header's text and nothing after clang reads it. BTF stays."""

from __future__ import annotations

import struct
from typing import Final

from vm.errors import InternalError

_EHDR: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SHDR: Final = struct.Struct("<IIQQQQIIQQ")
_SYM: Final = struct.Struct("<IBBHQQ")
_SHT_SYMTAB: Final = 2
_SHT_NOBITS: Final = 8
_SHT_RELA: Final = 4
_SHT_REL: Final = 9
_SHN_LORESERVE: Final = 0xFF00
_STT_SECTION: Final = 3
_DROPPED: Final = (b".debug", b".rel.debug", b".rela.debug", b".llvm_addrsig", b".addrsig")


def drop_debug(data: bytes) -> bytes:
    """The object without its .debug_* sections. InternalError if it is not what clang writes.

    Symbols stay where they are, so that relocations keep their numbers; those of dropped sections become undefined
    section symbols.
    """
    try:
        return _drop(data)
    except (struct.error, IndexError) as error:
        raise InternalError("The compiler wrote an object that cannot be read.") from error


def _drop(data: bytes) -> bytes:
    header = list(_EHDR.unpack_from(data))
    shoff, shnum, shstrndx = header[6], header[12], header[13]
    sections = [list(_SHDR.unpack_from(data, shoff + i * _SHDR.size)) for i in range(shnum)]
    names = _content(data, sections[shstrndx])
    name = [names[s[0] : names.index(b"\0", s[0])] for s in sections]
    keep = [i for i in range(shnum) if not name[i].startswith(_DROPPED)]
    number = {old: new for new, old in enumerate(keep)}

    out = bytearray(_EHDR.size)
    table = []
    for i in keep:
        section = sections[i]
        content = _content(data, section)
        if section[1] == _SHT_SYMTAB:
            content = _renumber_symbols(content, number)
        section[6] = number.get(section[6], 0)
        if section[1] in (_SHT_REL, _SHT_RELA):
            section[7] = number.get(section[7], 0)
        if section[1] not in (0, _SHT_NOBITS):
            out += bytes(-len(out) % max(section[8], 1))
            section[4] = len(out)
            out += content
        table.append(section)
    out += bytes(-len(out) % 8)
    header[6], header[12], header[13] = len(out), len(keep), number[shstrndx]
    out[: _EHDR.size] = _EHDR.pack(*header)
    return bytes(out) + b"".join(_SHDR.pack(*section) for section in table)


def _content(data: bytes, section: list[int]) -> bytes:
    if section[1] == _SHT_NOBITS:
        return b""
    if section[4] + section[5] > len(data):
        raise IndexError
    return data[section[4] : section[4] + section[5]]


def _renumber_symbols(content: bytes, number: dict[int, int]) -> bytes:
    symbols = []
    for name, info, other, index, value, size in _SYM.iter_unpack(content):
        if index and index < _SHN_LORESERVE:
            if index not in number:
                name, info, value, size = 0, _STT_SECTION, 0, 0
            index = number.get(index, 0)
        symbols.append(_SYM.pack(name, info, other, index, value, size))
    return b"".join(symbols)
