"""Changes an object file where it stands: instructions, relocations, names of sections; its layout stays.

Sections keep their places in the file (a shorter one leaves a hole), so that BTF, line info and symbols stay true.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from vm.isa.insn import Insn, decode, encode

_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_REL: Final = struct.Struct("<QQ")
SHT_SYMTAB, SHT_REL, SHF_EXECINSTR = 2, 9, 4
STT_FUNC, STB_LOCAL = 2, 0


# Bytes behind the first twelve of a BTF type: always, and for each member.
_TYPE_BYTES: Final = {
    1: (4, 0),
    3: (12, 0),
    4: (0, 12),
    5: (0, 12),
    6: (0, 8),
    13: (0, 8),
    14: (4, 0),
    15: (0, 12),
    17: (4, 0),
    19: (0, 12),
}


class Section(NamedTuple):
    """A section header: `at` is where it stands in the file, the rest as in ELF."""

    at: int
    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function's place: section number, byte offset in it, bytes. `entry`: it is a program of its own."""

    name: str
    section: int
    start: int
    size: int
    entry: bool
    symbol: int  # where its symbol stands in the file

    @property
    def slots(self) -> int:
        """How many instruction slots it has."""
        return self.size // 8


class Object:
    """An object file to change. ValueError or struct.error if it is none."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        if data[:4] != b"\x7fELF":
            raise ValueError("no ELF file")
        (headers,) = struct.unpack_from("<Q", data, 0x28)
        count, names = struct.unpack_from("<HH", data, 0x3C)
        raw = [_SECTION.unpack_from(data, headers + 64 * n) for n in range(count)]
        strings = raw[names][4]
        self._names_at = headers + 64 * names
        self.sections = [
            Section(headers + 64 * n, self._text(strings + h[0]), h[1], h[2], h[4], h[5], h[6], h[7])
            for n, h in enumerate(raw)
        ]
        self.functions = self._functions()
        self._relocated: dict[int, set[int]] | None = None

    def _text(self, at: int) -> str:
        return self.data[at : self.data.index(0, at)].decode("utf-8", "replace")

    def _functions(self) -> list[Function]:
        found = []
        for table in self.sections:
            if table.kind != SHT_SYMTAB:
                continue
            strings = self.sections[table.link].offset
            for at in range(table.offset, table.offset + table.size, _SYMBOL.size):
                name, info, _, section, value, size = _SYMBOL.unpack_from(self.data, at)
                if info & 15 != STT_FUNC or not 0 < section < len(self.sections) or not size:
                    continue
                where = self.sections[section]
                if where.flags & SHF_EXECINSTR and value + size <= where.size:
                    entry = where.name != ".text" and info >> 4 != STB_LOCAL
                    found.append(Function(self._text(strings + name), section, value, size, entry, at))
        return found

    @property
    def programs(self) -> list[Function]:
        """The functions that are programs."""
        return [f for f in self.functions if f.entry]

    def has(self, prefix: str) -> bool:
        """Whether a section's name begins so."""
        return any(s.name.startswith(prefix) for s in self.sections)

    def insns(self, function: Function) -> list[Insn]:
        """The function's slots, unrelocated."""
        at = self.sections[function.section].offset + function.start
        return list(decode(bytes(self.data[at : at + function.size // 8 * 8])))

    def put(self, function: Function, insns: list[Insn]) -> None:
        """Other slots, as many as before."""
        if len(insns) != function.slots:
            raise ValueError("a function keeps its length")
        at = self.sections[function.section].offset + function.start
        self.data[at : at + 8 * len(insns)] = encode(insns)

    def relocations(self, section: int) -> list[tuple[int, int]]:
        """(where its entry stands in the file, offset in the section) of each relocation of a section."""
        return [
            (at, _REL.unpack_from(self.data, at)[0])
            for rel in self.sections
            if rel.kind == SHT_REL and rel.info == section
            for at in range(rel.offset, rel.offset + self._size(rel), _REL.size)
        ]

    def _size(self, section: Section) -> int:
        (size,) = struct.unpack_from("<Q", self.data, section.at + 32)
        return int(size)

    def relocated(self, function: Function) -> set[int]:
        """Slots of the function that a relocation of the linker or of CO-RE is about."""
        if self._relocated is None:
            self._relocated = {
                n: {offset for _, offset in self.relocations(n)}
                for n, section in enumerate(self.sections)
                if section.flags & SHF_EXECINSTR
            }
            for name, offset in self._core():
                for n, section in enumerate(self.sections):
                    if section.name == name and n in self._relocated:
                        self._relocated[n].add(offset)
        end = function.start + function.size
        return {(o - function.start) // 8 for o in self._relocated[function.section] if function.start <= o < end}

    def _core(self) -> list[tuple[str, int]]:
        """(section, offset) of each CO-RE relocation in .BTF.ext."""
        ext = next((s for s in self.sections if s.name == ".BTF.ext"), None)
        btf = next((s for s in self.sections if s.name == ".BTF"), None)
        if ext is None or btf is None or ext.size < 32:
            return []
        (header,) = struct.unpack_from("<I", self.data, ext.offset + 4)
        if header < 32:
            return []
        start, size = struct.unpack_from("<II", self.data, ext.offset + 24)
        btf_header, strings = struct.unpack_from("<I12xI", self.data, btf.offset + 4)
        names = btf.offset + btf_header + strings
        at, found = ext.offset + header + start, []
        end = at + size
        if not size:
            return []
        (record,) = struct.unpack_from("<I", self.data, at)
        at += 4
        while at < end:
            name, count = struct.unpack_from("<II", self.data, at)
            at += 8
            for _ in range(count):
                found.append((self._text(names + name), struct.unpack_from("<I", self.data, at)[0]))
                at += record
        return found

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return next((s for s in self.sections if s.name == name), None)

    def types(self) -> list[tuple[int, int, int]]:
        """(where it stands in the file, kind, number of members) of each type in .BTF."""
        btf = self.section(".BTF")
        if btf is None or btf.size < 24:
            return []
        header, start, size = struct.unpack_from("<III", self.data, btf.offset + 4)
        at = btf.offset + header + start
        end, found = min(at + size, btf.offset + btf.size), []
        while at + 12 <= end:
            _, info, _ = struct.unpack_from("<III", self.data, at)
            kind, vlen = info >> 24 & 31, info & 0xFFFF
            found.append((at, kind, vlen))
            fixed, each = _TYPE_BYTES.get(kind, (0, 0))
            at += 12 + fixed + each * vlen
        return found

    # -- changes ------------------------------------------------------------------------------------

    def keep(self, names: set[str]) -> None:
        """Leave only these programs; the others' symbols are functions no longer."""
        for function in self.programs:
            if function.name not in names:
                self.data[function.symbol + 4] &= 0xF0
        self.functions = self._functions()

    def drop_relocations(self, function: Function, slots: set[int]) -> None:
        """Forget the linker's relocations of these slots."""
        gone = {function.start + 8 * slot for slot in slots}
        for rel in self.sections:
            if rel.kind != SHT_REL or rel.info != function.section:
                continue
            size = self._size(rel)
            body = bytes(self.data[rel.offset : rel.offset + size])
            kept = b"".join(_REL.pack(*entry) for entry in _REL.iter_unpack(body) if entry[0] not in gone)
            self.data[rel.offset : rel.offset + len(kept)] = kept
            struct.pack_into("<Q", self.data, rel.at + 32, len(kept))

    def swap_target(self, at: int, other: int) -> None:
        """Let the relocation whose entry is at `at` be about what the one at `other` is about."""
        offset, _ = _REL.unpack_from(self.data, at)
        _REL.pack_into(self.data, at, offset, _REL.unpack_from(self.data, other)[1])

    def rename(self, section: int, name: str) -> None:
        """Another name, so another program type, for a section; the names move to the file's end."""
        offset, size = struct.unpack_from("<QQ", self.data, self._names_at + 24)
        names = bytes(self.data[offset : offset + size])
        struct.pack_into("<QQ", self.data, self._names_at + 24, len(self.data), size + len(name) + 1)
        struct.pack_into("<I", self.data, self.sections[section].at, size)
        self.data += names + name.encode() + b"\0"
