"""Writes small BPF objects: a section a program type, functions called in .text, the two maps of generate.MAPS.

Layout as in gABI (ELF64, little-endian, EM_BPF) and what libbpf asks for: `.maps` described by BTF, relocations
R_BPF_64_64 for maps and R_BPF_64_32 for calls.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from fuzz.generate import MAPS, Made
from vm.isa import opcodes as o
from vm.isa.insn import Insn, encode

EM_BPF: Final = 247
PROGBITS, SYMTAB, STRTAB, REL = 1, 2, 3, 9
ALLOC_EXEC, ALLOC_WRITE = 6, 3
STB_LOCAL, STB_GLOBAL = 0, 1
STT_OBJECT, STT_FUNC = 1, 2
R_BPF_64_64, R_BPF_64_32 = 1, 10
MAP_BYTES: Final = 32  # four pointers: type, key_size, value_size, max_entries
KIND_INT, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_VAR, KIND_DATASEC = 1, 2, 3, 4, 14, 15


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def btf() -> bytes:
    """BTF of the maps: each a struct of pointers to arrays whose lengths are the numbers."""
    strings = _Strings()
    types: list[bytes] = []

    def add(name: str, kind: int, vlen: int, size_or_type: int, rest: bytes = b"") -> int:
        at = strings.add(name) if name else 0
        types.append(struct.pack("<III", at, kind << 24 | vlen, size_or_type) + rest)
        return len(types)

    number = add("int", KIND_INT, 0, 4, struct.pack("<I", 1 << 24 | 32))
    variables = []
    for spec in MAPS:
        members = b""
        facts = (spec.map_type, spec.key_size, spec.value_size, spec.max_entries)
        for at, (name, value) in enumerate(zip(("type", "key_size", "value_size", "max_entries"), facts, strict=True)):
            array = add("", KIND_ARRAY, 0, 0, struct.pack("<III", number, number, value))
            members += struct.pack("<III", strings.add(name), add("", KIND_PTR, 0, array), 64 * at)
        shape = add("", KIND_STRUCT, 4, MAP_BYTES, members)
        variables.append(add(spec.name, KIND_VAR, 0, shape, struct.pack("<I", 1)))
    places = b"".join(struct.pack("<III", v, MAP_BYTES * i, MAP_BYTES) for i, v in enumerate(variables))
    add(".maps", KIND_DATASEC, len(MAPS), MAP_BYTES * len(MAPS), places)
    body = b"".join(types)
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(strings.data))
    return header + body + strings.data


class _Section(NamedTuple):
    name: str
    kind: int
    data: bytes
    flags: int = 0
    link: int = 0
    info: int = 0
    entry: int = 0


class _Symbol(NamedTuple):
    name: str
    bind: int
    kind: int
    section: int
    value: int
    size: int


def write(programs: Sequence[tuple[str, Made]]) -> bytes:
    """An object of these programs, each under its name."""
    names = list(dict.fromkeys(made.section for _, made in programs))
    text, maps = 1 + len(names), 2 + len(names)
    code: dict[str, list[Insn]] = {name: [] for name in names}
    called: list[Insn] = []
    relocations: dict[str, list[tuple[int, str, int]]] = {name: [] for name in names}
    symbols: list[_Symbol] = []
    for name, made in programs:
        start = len(code[made.section])
        body = list(made.insns[: made.main])
        for at, insn in enumerate(body):
            place = 8 * (start + at)
            if insn.code == o.LD_IMM64 and insn.src_reg == o.PSEUDO_MAP_FD:
                relocations[made.section].append((place, MAPS[insn.imm].name, R_BPF_64_64))
                body[at] = insn._replace(src_reg=0, imm=0)
            elif insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL:
                relocations[made.section].append((place, name + "_f", R_BPF_64_32))
                body[at] = insn._replace(imm=-1)
        code[made.section] += body
        symbols.append(_Symbol(name, STB_GLOBAL, STT_FUNC, 1 + names.index(made.section), 8 * start, 8 * len(body)))
        if made.insns[made.main :]:
            rest = made.insns[made.main :]
            symbols.append(_Symbol(name + "_f", STB_LOCAL, STT_FUNC, text, 8 * len(called), 8 * len(rest)))
            called += rest
    symbols += [
        _Symbol(spec.name, STB_GLOBAL, STT_OBJECT, maps, MAP_BYTES * i, MAP_BYTES) for i, spec in enumerate(MAPS)
    ]
    sections = [_Section(name, PROGBITS, encode(code[name]), ALLOC_EXEC) for name in names]
    sections.append(_Section(".text", PROGBITS, encode(called), ALLOC_EXEC))
    sections.append(_Section(".maps", PROGBITS, bytes(MAP_BYTES * len(MAPS)), ALLOC_WRITE))
    sections.append(_Section("license", PROGBITS, b"GPL\0", ALLOC_WRITE))
    sections.append(_Section(".BTF", PROGBITS, btf()))
    return _file(sections, symbols, [(1 + at, relocations[name]) for at, name in enumerate(names)])


def _file(
    sections: list[_Section], symbols: list[_Symbol], relocations: list[tuple[int, list[tuple[int, str, int]]]]
) -> bytes:
    strings = _Strings()
    ordered = sorted(symbols, key=lambda s: s.bind)
    number = {symbol.name: at for at, symbol in enumerate(ordered, 1)}
    table = bytes(24) + b"".join(
        struct.pack("<IBBHQQ", strings.add(s.name), s.bind << 4 | s.kind, 0, s.section, s.value, s.size)
        for s in ordered
    )
    symtab, strtab = len(sections) + 1, len(sections) + 2
    first_global = 1 + sum(s.bind == STB_LOCAL for s in ordered)
    sections = [*sections, _Section(".symtab", SYMTAB, table, 0, strtab, first_global, 24)]
    rels = []
    for target, entries in relocations:
        data = b"".join(struct.pack("<QQ", at, number[name] << 32 | kind) for at, name, kind in entries)
        if data:
            rels.append(_Section(".rel" + sections[target - 1].name, REL, data, 0, symtab, target, 16))
    for name in [s.name for s in (*sections, *rels)] + [".strtab"]:
        strings.add(name)
    sections = [*sections, _Section(".strtab", STRTAB, strings.data), *rels]
    body, headers = bytearray(64), [bytes(64)]
    for s in sections:
        body += bytes(-len(body) % 8)
        at = strings.data.index(b"\0" + s.name.encode() + b"\0") + 1
        headers.append(
            struct.pack("<IIQQQQIIQQ", at, s.kind, s.flags, 0, len(body), len(s.data), s.link, s.info, 8, s.entry)
        )
        body += s.data
    body += bytes(-len(body) % 8)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    body[:64] = ident + struct.pack(
        "<HHIQQQIHHHHHH", 1, EM_BPF, 1, 0, 0, len(body), 0, 64, 0, 0, 64, len(headers), strtab
    )
    return bytes(body) + b"".join(headers)
