"""Sections, symbols and relocations of an untrusted ELF file.

Three fixed layouts (System V ABI: section headers, symbols, relocations without addend), unpacked after every
count and offset was checked against the file's size. A library for all of ELF and DWARF takes longer to import
than the objects take to read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from vm.errors import InputError
from vm.namedtuples import NamedTuple

MAX_FILE: Final = 16 << 20  # room for a program past the limit of a million instructions, to say so
MAX_SECTIONS: Final = 512
MAX_SYMBOLS: Final = 1 << 18  # 6 MiB of symbol table
MAX_RELOCS: Final = 65536
MAX_NAME: Final = 256
MAX_BSS: Final = 32 << 20

SHT_PROGBITS: Final = 1
SHT_SYMTAB: Final = 2
SHT_STRTAB: Final = 3
SHT_RELA: Final = 4
SHT_NOBITS: Final = 8
SHT_REL: Final = 9
SHF_EXECINSTR: Final = 0x4
_SHF_COMPRESSED: Final = 0x800

SHN_UNDEF: Final = 0
SHN_LORESERVE: Final = 0xFF00
_SHN_XINDEX: Final = 0xFFFF

STB_LOCAL: Final = 0
STB_GLOBAL: Final = 1
STB_WEAK: Final = 2
STT_NOTYPE: Final = 0
STT_OBJECT: Final = 1
STT_FUNC: Final = 2
STT_SECTION: Final = 3
STV_INTERNAL: Final = 1
STV_HIDDEN: Final = 2

_EM_NONE: Final = 0
_EM_BPF: Final = 247
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_RELOC: Final = struct.Struct("<QII")  # r_offset, then r_info: type and symbol
_MACHINES: Final = {3: "x86 (32-bit)", 8: "MIPS", 20: "PowerPC", 40: "Arm", 62: "x86-64", 183: "Arm64", 243: "RISC-V"}


class Symbol(NamedTuple):
    """A symbol; `section` is its section index (st_shndx). Section symbols have the section's name."""

    number: int
    name: str
    value: int
    size: int
    type: int
    bind: int
    visibility: int
    section: int

    @property
    def is_extern(self) -> bool:
        """As libbpf's sym_is_extern()."""
        return self.section == SHN_UNDEF and self.bind != STB_LOCAL and self.type == STT_NOTYPE


class Reloc(NamedTuple):
    """A relocation without addend: `offset` in bytes within its section."""

    offset: int
    symbol: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section; `data` is empty for SHT_NOBITS, `size` is what the header says."""

    index: int
    name: str
    type: int
    flags: int
    size: int
    info: int
    data: bytes

    @property
    def executable(self) -> bool:
        return bool(self.flags & SHF_EXECINSTR)


class ElfFile(NamedTuple):
    """A relocatable BPF object as read; `relocs` maps a section's index to its relocations by offset."""

    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    relocs: dict[int, tuple[Reloc, ...]]

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return next((s for s in self.sections if s.name == name), None)


def read_elf(data: bytes) -> ElfFile:
    """Parse a relocatable 64-bit little-endian BPF object; InputError says what is wrong with it."""
    headers = _check(data)
    (strings,) = struct.unpack_from("<H", data, 0x3E)
    names_at, names_size = headers[strings][4:6]
    sections = []
    for index, header in enumerate(headers):
        name_off, kind, flags, _addr, offset, size, _link, info, _align, _entsize = header
        end = data.find(b"\0", names_at + name_off, names_at + names_size)
        if end < 0 or end - names_at - name_off > MAX_NAME:
            raise _bad(f"section {index} has no name of at most {MAX_NAME} characters")
        name = data[names_at + name_off : end].decode("utf-8", "replace")
        content = b"" if kind in (0, SHT_NOBITS) else data[offset : offset + size]
        sections.append(Section(index, name, kind, flags, size, info, content))
    symbols = _symbols(sections, headers)
    return ElfFile(tuple(sections), symbols, _relocs(sections, len(symbols)))


def _bad(what: str) -> InputError:
    return InputError(f"damaged ELF: {what}.")


def _check(data: bytes) -> list[tuple[int, ...]]:
    """The section headers, after all counts and offsets were checked against the file's size."""
    if len(data) > MAX_FILE:
        raise InputError(f"The object file has {len(data)} bytes; at most {MAX_FILE} are read.")
    if not data:
        raise InputError("The object file is empty.")
    if data[:4] != b"\x7fELF"[: len(data)]:
        raise InputError("This is not an ELF object file: it does not start with the bytes 7f 45 4c 46.")
    if len(data) < _HEADER.size:
        raise InputError(f"truncated ELF: {len(data)} bytes are less than its header of {_HEADER.size}.")
    fields = _HEADER.unpack_from(data)
    ident, kind, machine, _version, _entry, phoff, shoff, _flags, ehsize, _phentsize, phnum, *rest = fields
    shentsize, shnum, shstrndx = rest
    if ident[4] != 2:
        raise InputError("This is a 32-bit ELF file; BPF objects are 64-bit (clang -target bpf).")
    if ident[5] != 1:
        raise InputError("This is a big-endian BPF object; compile it with -target bpfel.")
    if machine not in (_EM_NONE, _EM_BPF):  # as libbpf: old compilers gave none
        name = _MACHINES.get(machine, f"machine {machine}")
        raise InputError(f"This ELF file is for {name}, not for BPF; compile it with clang -target bpf.")
    if kind != 1:
        raise InputError("This ELF file is not a relocatable object (clang -c makes one).")
    if phnum or phoff:
        raise _bad("it has program headers, which BPF objects do not")
    if ehsize != _HEADER.size:
        raise _bad(f"its header says it has {ehsize} bytes, not {_HEADER.size}")
    if shentsize != _SECTION.size or not 1 < shnum <= MAX_SECTIONS:
        raise _bad(f"it says it has {shnum} sections of {shentsize} bytes (2 to {MAX_SECTIONS} of {_SECTION.size})")
    if not 0 < shstrndx < shnum:
        raise _bad("the section of section names is not there")
    if shoff + shnum * _SECTION.size > len(data):
        raise InputError(f"truncated ELF: its section headers end past the end of the file of {len(data)} bytes.")
    headers = [_SECTION.unpack_from(data, shoff + i * _SECTION.size) for i in range(shnum)]
    for index, header in enumerate(headers):
        _check_section(index, header, len(data), shnum)
    if headers[shstrndx][1] != SHT_STRTAB:
        raise _bad("the section names are not in a string table")
    return headers


def _check_section(index: int, header: tuple[int, ...], length: int, shnum: int) -> None:
    _name, kind, flags, _addr, offset, size, link, _info, _align, entsize = header
    if flags & _SHF_COMPRESSED:
        raise InputError(f"Section {index} of the object is compressed; compile without -gz.")
    if kind == SHT_NOBITS:
        if size > MAX_BSS:
            raise InputError(f"Section {index} (.bss) wants {size} bytes; at most {MAX_BSS} are given.")
        return
    if kind and offset + size > length:
        raise InputError(f"truncated ELF: section {index} ends past the end of the file.")
    if kind == SHT_SYMTAB:
        if entsize != 24 or size % 24:
            raise _bad("its symbol table has entries of a wrong size")
        if size // 24 > MAX_SYMBOLS:
            raise InputError(f"The object has {size // 24} symbols; at most {MAX_SYMBOLS} are read.")
    if kind == SHT_REL and (entsize != _RELOC.size or size % _RELOC.size):
        raise _bad(f"the relocations of section {index} have entries of a wrong size")
    if kind in (SHT_REL, SHT_RELA, SHT_SYMTAB) and not link < shnum:
        raise _bad(f"section {index} links to a section that is not there")


def _symbols(sections: list[Section], headers: list[tuple[int, ...]]) -> tuple[Symbol, ...]:
    tables = [s for s in sections if s.type == SHT_SYMTAB]
    if not tables:
        raise InputError("The object has no symbol table, so its programs cannot be found (was it stripped?).")
    if len(tables) > 1:
        raise _bad("it has several symbol tables")
    strings = sections[headers[tables[0].index][6]].data
    out: list[Symbol] = []
    for index, (name_at, info, other, section, value, size) in enumerate(_SYMBOL.iter_unpack(tables[0].data)):
        if section == _SHN_XINDEX or (section < SHN_LORESERVE and section >= len(sections)):
            raise _bad(f"symbol {index} is in a section that is not there")
        end = strings.find(b"\0", name_at, name_at + MAX_NAME + 1)
        if end < 0 and (name_at or strings):
            raise _bad(f"symbol {index} has no name of at most {MAX_NAME} characters")
        kind = info & 0xF
        name = strings[name_at:end].decode("utf-8", "replace") if end >= 0 else ""
        if kind == STT_SECTION and not name and section < len(sections):
            name = sections[section].name
        out.append(Symbol(index, name, value, size, kind, info >> 4, other & 3, section))
    return tuple(out)


def _relocs(sections: list[Section], symbols: int) -> dict[int, tuple[Reloc, ...]]:
    """Relocations of the sections libbpf looks at: code, .maps and .struct_ops."""
    out: dict[int, tuple[Reloc, ...]] = {}
    total = 0
    for section in sections:
        if section.type not in (SHT_REL, SHT_RELA) or not 0 < section.info < len(sections):
            continue
        target = sections[section.info]
        if not (target.executable or target.name == ".maps" or target.name.lstrip("?").startswith(".struct_ops")):
            continue
        if section.type == SHT_RELA:
            raise _bad(f"section {section.name} has relocations with addends, which BPF does not use")
        total += section.size // _RELOC.size
        if total > MAX_RELOCS:
            raise InputError(f"The object has more than {MAX_RELOCS} relocations.")
        found = []
        for offset, _type, symbol in _RELOC.iter_unpack(section.data):
            if symbol >= symbols or offset >= target.size:
                raise _bad(f"a relocation of section {target.name} is for a symbol or place that is not there")
            found.append(Reloc(offset, symbol))
        out[target.index] = tuple(sorted((*out.get(target.index, ()), *found)))
    return out
