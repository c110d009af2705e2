"""Writes small BPF objects: a section a program type, functions called in .text, maps, global data, kernel functions.

Layout as in gABI (ELF64, little-endian, EM_BPF) and what libbpf asks for: `.maps` described by BTF, relocations
R_BPF_64_64 for maps, data and addresses of functions, R_BPF_64_32 for calls; .BTF.ext names the functions.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from fuzz.generate import MAPS, Function, Made
from fuzz.world import DATA_SECTIONS, DATA_SIZE, KFUNCS, RODATA, SPECIAL_SIZE, WIDE_MAPS, FuzzMap
from vm.isa import opcodes as o
from vm.isa.insn import Insn, encode

EM_BPF: Final = 247
PROGBITS, SYMTAB, STRTAB, NOBITS, REL = 1, 2, 3, 8, 9
ALLOC_EXEC, ALLOC_WRITE, ALLOC = 6, 3, 2
STB_LOCAL, STB_GLOBAL = 0, 1
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION = 0, 1, 2, 3
R_BPF_64_64, R_BPF_64_32 = 1, 10
MAP_BYTES: Final = 40  # five pointers: type, key_size, value_size, max_entries, map_flags
INT, PTR, ARRAY, STRUCT, FUNC, PROTO, VAR, DATASEC, DECL_TAG, TYPE_TAG = 1, 2, 3, 4, 12, 13, 14, 15, 17, 18
STATIC, GLOBAL, EXTERN = 0, 1, 2


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


class _Btf:
    """Types as they are asked for."""

    def __init__(self) -> None:
        self.strings = _Strings()
        self.types: list[bytes] = []
        self.named: dict[str, int] = {}
        self.named["int"] = self.add("int", INT, 0, 4, struct.pack("<I", 1 << 24 | 32))
        self.named["long"] = self.add("long", INT, 0, 8, struct.pack("<I", 1 << 24 | 64))
        self.named["void"] = 0

    def add(self, name: str, kind: int, vlen: int, size_or_type: int, rest: bytes = b"") -> int:
        at = self.strings.add(name) if name else 0
        self.types.append(struct.pack("<III", at, kind << 24 | vlen, size_or_type) + rest)
        return len(self.types)

    def struct(self, name: str, size: int, members: Sequence[tuple[str, int, int]]) -> int:
        rest = b"".join(struct.pack("<III", self.strings.add(n), kind, 8 * at) for n, kind, at in members)
        return self.add(name, STRUCT, len(members), size, rest)

    def array(self, of: int, count: int) -> int:
        return self.add("", ARRAY, 0, 0, struct.pack("<III", of, self.named["int"], count))

    def of(self, text: str) -> int:
        """A type by its C spelling; structs have no members here but bpf_spin_lock, bpf_timer and pair."""
        if text in self.named:
            return self.named[text]
        if text.endswith("*"):
            made = self.add("", PTR, 0, self.of(text[:-1].strip()))
        elif text == "struct pair":
            long = self.named["long"]
            made = self.struct("pair", 16, (("a", long, 0), ("b", long, 8)))
        elif text == "struct bpf_spin_lock":
            made = self.struct("bpf_spin_lock", 4, (("val", self.named["int"], 0),))
        elif text == "struct bpf_timer":
            made = self.struct("bpf_timer", 16, (("__opaque", self.array(self.named["long"], 2), 0),))
        else:
            made = self.struct(text.removeprefix("struct "), 0, ())
        self.named[text] = made
        return made

    def special(self) -> int:
        """The value of a special map (see fuzz.world)."""
        if "special" not in self.named:
            tag = self.add("kptr", TYPE_TAG, 0, self.of("struct task_struct"))
            kptr = self.add("", PTR, 0, tag)
            number, long = self.named["int"], self.named["long"]
            members = (
                ("lock", self.of("struct bpf_spin_lock"), 0), ("n", number, 4),
                ("timer", self.of("struct bpf_timer"), 8),
                ("task", kptr, 24), ("a", long, 32), ("b", long, 40),
            )  # fmt: skip
            self.named["special"] = self.struct("special", SPECIAL_SIZE, members)
        return self.named["special"]

    def map(self, spec: FuzzMap) -> int:
        """The struct libbpf reads a map's facts from."""
        number = self.named["int"]
        members = []
        facts = [("type", spec.map_type), ("key_size", spec.key_size), ("value_size", spec.value_size)]
        facts += [("max_entries", spec.max_entries), ("map_flags", spec.flags)]
        for at, (name, value) in enumerate(facts):
            made = self.add("", PTR, 0, self.array(number, value))
            if spec.special and name in ("key_size", "value_size"):
                name = name.removesuffix("_size")
                made = self.of("int *") if name == "key" else self.add("", PTR, 0, self.special())
            members.append((name, made, 8 * at))
        if spec.inner >= 0:
            inner = self.add("", PTR, 0, self.map(WIDE_MAPS[spec.inner]))
            members.append(("values", self.array(inner, 0), MAP_BYTES))
        return self.struct("", MAP_BYTES, members)

    def function(
        self, name: str, linkage: int, ret: str, params: Sequence[str], tags: Sequence[tuple[int, str]]
    ) -> int:
        kinds = [self.of(p) for p in params]
        rest = b"".join(struct.pack("<II", self.strings.add(f"a{n}"), kind) for n, kind in enumerate(kinds))
        made = self.add(name, FUNC, linkage, self.add("", PROTO, len(params), self.of(ret), rest))
        for at, tag in tags:
            self.add(tag, DECL_TAG, 0, made, struct.pack("<i", at))
        return made

    def section(self, name: str, entries: Sequence[tuple[int, int, int]], size: int) -> None:
        self.add(name, DATASEC, len(entries), size, b"".join(struct.pack("<III", *e) for e in entries))

    def bytes(self) -> bytes:
        body = b"".join(self.types)
        header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(self.strings.data))
        return header + body + self.strings.data


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


class _Writer:
    """Collects code, symbols, relocations and types of one object."""

    def __init__(self, programs: Sequence[tuple[str, Made]], maps: Sequence[FuzzMap]) -> None:
        self.maps = maps
        self.btf = _Btf()
        self.names = [*dict.fromkeys(made.section for _, made in programs), ".text"]
        self.code: dict[str, list[Insn]] = {name: [] for name in self.names}
        self.relocations: dict[str, list[tuple[int, str, int]]] = {name: [] for name in self.names}
        self.functions: dict[str, list[tuple[int, int]]] = {name: [] for name in self.names}
        self.symbols = [_Symbol(".text", STB_LOCAL, STT_SECTION, len(self.names), 0, 0)]
        self.used: list[int] = []  # kernel functions
        self.used_maps: list[int] = []
        self.data_used: set[int] = set()
        for name, made in programs:
            self._program(name, made)

    def _program(self, name: str, made: Made) -> None:
        if made.insns[made.main :]:
            self._function(".text", name, name + "_f", made.insns[made.main :], STB_LOCAL, "int", ("int", "int"), ())
        for n, function in enumerate(made.functions):
            self._sub(name, n, function)
        self._function(made.section, name, name, made.insns[: made.main], STB_GLOBAL, "int", ("void *",), ())

    def _sub(self, owner: str, n: int, f: Function) -> None:
        bind = STB_GLOBAL if f.exported else STB_LOCAL
        self._function(".text", owner, f"{owner}_s{n}", f.insns, bind, f.ret, f.params, f.tags)

    def _function(
        self, section: str, owner: str, name: str, insns: Sequence[Insn], bind: int, ret: str,
        params: Sequence[str], tags: Sequence[tuple[int, str]],
    ) -> None:  # fmt: skip
        start = len(self.code[section])
        body = list(insns)
        for at, insn in enumerate(body):
            target, kind, new = self._target(owner, insn)
            if target:
                self.relocations[section].append((8 * (start + at), target, kind))
                body[at] = new
        linkage = GLOBAL if bind == STB_GLOBAL else STATIC
        self.functions[section].append((8 * start, self.btf.function(name, linkage, ret, params, tags)))
        self.code[section] += body
        index = 1 + self.names.index(section)
        self.symbols.append(_Symbol(name, bind, STT_FUNC, index, 8 * start, 8 * len(body)))

    def _target(self, owner: str, insn: Insn) -> tuple[str, int, Insn]:
        """What a relocation is to name, its kind, and the instruction as it stands in the object."""
        if insn.code == o.LD_IMM64 and insn.src_reg == o.PSEUDO_MAP_FD:
            if insn.imm not in self.used_maps:
                self.used_maps.append(insn.imm)
            return self.maps[insn.imm].name, R_BPF_64_64, insn._replace(src_reg=0, imm=0)
        if insn.code == o.LD_IMM64 and insn.src_reg == o.PSEUDO_MAP_VALUE:
            self.data_used.add(insn.imm)
            return DATA_SECTIONS[insn.imm], R_BPF_64_64, insn._replace(src_reg=0, imm=insn.off, off=0)
        if insn.code == o.LD_IMM64 and insn.src_reg == o.PSEUDO_FUNC:
            # libbpf wants the section's symbol here, and the function's place as addend.
            place = next(s.value for s in self.symbols if s.name == f"{owner}_s{insn.imm}")
            return ".text", R_BPF_64_64, insn._replace(src_reg=0, imm=place)
        if insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL:
            target = f"{owner}_s{insn.off - 1}" if insn.off else owner + "_f"
            return target, R_BPF_64_32, insn._replace(imm=-1, off=0)
        if insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_KFUNC_CALL:
            if insn.imm not in self.used:
                self.used.append(insn.imm)
            return KFUNCS[insn.imm].name, R_BPF_64_32, insn._replace(imm=-1, off=0, src_reg=o.PSEUDO_CALL)
        return "", 0, insn

    def _data(self) -> list[_Section]:
        contents = {0: RODATA[:DATA_SIZE].ljust(DATA_SIZE, b"\0"), 1: bytes(range(DATA_SIZE)), 2: bytes(DATA_SIZE)}
        kinds = {0: (PROGBITS, ALLOC), 1: (PROGBITS, ALLOC_WRITE), 2: (NOBITS, ALLOC_WRITE)}
        return [_Section(DATA_SECTIONS[n], kinds[n][0], contents[n], kinds[n][1]) for n in sorted(self.data_used)]

    def write(self) -> bytes:
        sections = [_Section(name, PROGBITS, encode(self.code[name]), ALLOC_EXEC) for name in self.names]
        places = []
        for at, n in enumerate(self.used_maps):
            spec = self.maps[n]
            variable = self.btf.add(spec.name, VAR, 0, self.btf.map(spec), struct.pack("<I", 1))
            places.append((variable, MAP_BYTES * at, MAP_BYTES))
            number = 1 + len(sections)
            self.symbols.append(_Symbol(spec.name, STB_GLOBAL, STT_OBJECT, number, MAP_BYTES * at, MAP_BYTES))
        if places:
            size = MAP_BYTES * len(places)
            self.btf.section(".maps", places, size)
            sections.append(_Section(".maps", PROGBITS, bytes(size), ALLOC_WRITE))
        for section in self._data():
            sections.append(section)
            self.symbols.append(_Symbol(section.name, STB_LOCAL, STT_SECTION, len(sections), 0, 0))
        externs = []
        for n in self.used:
            name, ret, params = KFUNCS[n]
            externs.append((self.btf.function(name, EXTERN, ret, params, ()), 0, 0))
            self.symbols.append(_Symbol(name, STB_GLOBAL, STT_NOTYPE, 0, 0, 0))
        if externs:
            self.btf.section(".ksyms", externs, 0)
        sections.append(_Section("license", PROGBITS, b"GPL\0", ALLOC_WRITE))
        ext = self._ext()
        sections.append(_Section(".BTF", PROGBITS, self.btf.bytes()))
        sections.append(_Section(".BTF.ext", PROGBITS, ext))
        return _file(sections, self.symbols, [(1 + n, self.relocations[name]) for n, name in enumerate(self.names)])

    def _ext(self) -> bytes:
        """.BTF.ext with which function starts where, and no lines."""
        body = struct.pack("<I", 8)
        for name in self.names:
            entries = self.functions[name]
            if entries:
                body += struct.pack("<II", self.btf.strings.add(name), len(entries))
                body += b"".join(struct.pack("<II", *entry) for entry in entries)
        return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), 0) + body


def write(programs: Sequence[tuple[str, Made]], maps: Sequence[FuzzMap] = ()) -> bytes:
    """An object of these programs, each under its name. `maps` are what its map numbers mean (by default MAPS)."""
    plain = tuple(FuzzMap(m.name, m.map_type, m.key_size, m.value_size, m.max_entries) for m in MAPS)
    return _Writer(programs, maps or plain).write()


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
        body += b"" if s.kind == NOBITS else s.data
    body += bytes(-len(body) % 8)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    body[:64] = ident + struct.pack(
        "<HHIQQQIHHHHHH", 1, EM_BPF, 1, 0, 0, len(body), 0, 64, 0, 0, 64, len(headers), strtab
    )
    return bytes(body) + b"".join(headers)
