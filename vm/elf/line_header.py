"""Headers of line number programs, and the numbers, strings and addresses they consist of (DWARF 5, section 6.2.4)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import Final

from vm.bits import U64

VERSIONS: Final = range(2, 6)
MAX_NAMES: Final = 4096
"""Directories, and files, of one unit."""
MAX_STRINGS: Final = 4 << 20
"""Characters of all names, and of sources that are inside the object (clang -gembed-source)."""

_PATH, _DIRECTORY, _SOURCE = 1, 2, 0x2001  # DW_LNCT_path, DW_LNCT_directory_index, DW_LNCT_LLVM_source
_STRING, _LINE_STRP, _STRP, _UDATA, _BLOCK = 0x08, 0x1F, 0x0E, 0x0F, 0x09
_DATA: Final = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}  # DW_FORM_data1, data2, data4, data8, data16


class Damaged(Exception):
    """A unit that cannot be read."""


@dataclass(slots=True)
class Content:
    """What line number programs are read from.

    places -- what relocations put where in `data`: section index and value to add
    room -- characters of names and sources that may still be read: many entries can name one long string
    """

    data: bytes
    places: dict[int, tuple[int, int]]
    strings: bytes = b""
    line_strings: bytes = b""
    room: int = MAX_STRINGS

    def string(self, data: bytes, at: int, end: int) -> tuple[str, int]:
        """The string at an offset, which ends before `end`, and the offset after it."""
        found = data.find(b"\0", at, min(end, at + self.room))
        if found < 0:
            raise Damaged
        self.room -= found - at
        return data[at:found].decode("utf-8", "replace"), found + 1


class Reader:
    """Reads numbers from a range of .debug_line, never past its end. wide: offsets have 8 bytes."""

    __slots__ = ("_at", "_content", "_data", "_end", "_wide")

    def __init__(self, content: Content, at: int = 0, end: int | None = None, wide: bool = False) -> None:
        self._content, self._data, self._wide = content, content.data, wide
        self._at, self._end = at, len(content.data) if end is None else end

    @property
    def left(self) -> int:
        """Bytes that are not read yet."""
        return self._end - self._at

    def part(self, length: int, wide: bool | None = None) -> Reader:
        """The next bytes as a range of their own; this one goes on after them."""
        if length > self.left:
            raise Damaged
        start, self._at = self._at, self._at + length
        wide = self._wide if wide is None else wide
        return Reader(self._content, start, self._at, wide)

    def unit(self) -> Reader:
        """The next unit, without its length; offsets in it have 8 bytes in the 64-bit format."""
        length = self.number(4)
        wide = length == 0xFFFFFFFF
        return self.part(self.number(8) if wide else length, wide)

    def number(self, size: int) -> int:
        if size > self.left:
            raise Damaged
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at], "little")

    def offset(self) -> int:
        """An offset within another section, or the length of a part of this one."""
        return self.address(8 if self._wide else 4)[1]

    def address(self, size: int) -> tuple[int | None, int]:
        """A relocated number of 4 or 8 bytes: the section that it is relative to (None: no relocation), and it."""
        place = self._at
        if size not in (4, 8):
            raise Damaged
        value = self.number(size)
        section, base = self._content.places.get(place, (None, 0))
        return section, base + value & U64

    def unsigned(self) -> int:
        """ULEB128 of at most 64 bits."""
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift > 63:
                raise Damaged
        return value & U64

    def signed(self) -> int:
        """SLEB128 of at most 64 bits."""
        start = self._at
        value = self.unsigned()
        bits = min(7 * (self._at - start), 64)
        return value - (1 << bits) if value >> bits - 1 & 1 else value

    def string(self) -> str:
        text, self._at = self._content.string(self._data, self._at, self._end)
        return text

    def path(self, *parts: str) -> str:
        """A file's name in its folders; it counts like a string of the file, for many can be in one long folder."""
        self._content.room -= sum(map(len, parts))
        if self._content.room < 0:
            raise Damaged
        return posixpath.join(*parts)

    def form(self, form: int) -> str | int | None:
        """The value of an attribute; None for a block."""
        if form in _DATA:
            return self.number(_DATA[form])
        if form == _UDATA:
            return self.unsigned()
        if form == _STRING:
            return self.string()
        if form in (_STRP, _LINE_STRP):
            data = self._content.strings if form == _STRP else self._content.line_strings
            return self._content.string(data, self.offset(), len(data))[0]
        if form == _BLOCK:
            self.part(self.unsigned())
            return None
        raise Damaged


@dataclass(frozen=True, slots=True)
class FileName:
    """A source file; `rows` are its lines where the object holds its text."""

    path: str
    rows: tuple[str, ...] = field(default=(), repr=False)

    def text(self, line: int) -> str:
        """A line of it, counted from 1; "" where the text is not known."""
        return self.rows[line - 1] if line <= len(self.rows) else ""


@dataclass(frozen=True, slots=True)
class Header:
    """What the program of a unit needs. operands: of the standard opcodes, from 1 on; files by number."""

    min_length: int
    line_base: int
    line_range: int
    opcode_base: int
    operands: tuple[int, ...]
    files: dict[int, FileName]

    def file(self, number: int) -> FileName | None:
        return self.files.get(number)


def read_header(unit: Reader) -> Header:
    """Read the header of a unit, which is then at the first opcode of its program. Damaged."""
    version = unit.number(2)
    if version not in VERSIONS:
        raise Damaged
    if version >= 5:
        unit.number(2)  # sizes of an address and of a segment selector
    rest = unit.part(unit.offset())
    min_length = rest.number(1)
    if version >= 4:
        rest.number(1)  # operations in an instruction, of machines with several
    rest.number(1)  # whether rows are statements by default
    line_base = (rest.number(1) ^ 0x80) - 0x80
    line_range, opcode_base = rest.number(1), rest.number(1)
    if not line_range or not opcode_base:
        raise Damaged
    operands = tuple(rest.number(1) for _ in range(opcode_base - 1))
    files = _entries(rest) if version >= 5 else _names(rest)
    return Header(min_length, line_base, line_range, opcode_base, operands, files)


def _names(rest: Reader) -> dict[int, FileName]:
    """Lists of version 2 to 4, each up to an empty string. Directory 0 is the compiler's, and named nowhere here."""
    folders = [""]
    while folder := rest.string():
        folders.append(folder)
        if len(folders) > MAX_NAMES:
            raise Damaged
    files: dict[int, FileName] = {}
    while name := rest.string():
        place = rest.unsigned()
        rest.unsigned()  # time
        rest.unsigned()  # length
        if place >= len(folders) or len(files) >= MAX_NAMES:
            raise Damaged
        files[len(files) + 1] = FileName(rest.path(folders[place], name))
    return files


def _entries(rest: Reader) -> dict[int, FileName]:
    """Lists of version 5, whose entries say themselves of what they consist."""
    folders = [str(entry.get(_PATH, "")) for entry in _list(rest)]
    files: dict[int, FileName] = {}
    for number, entry in enumerate(_list(rest)):
        place = entry.get(_DIRECTORY, 0)
        if not isinstance(place, int) or place >= max(len(folders), 1):
            raise Damaged
        path = rest.path(*folders[:1], *folders[place : place + 1], str(entry.get(_PATH, "")))
        files[number] = FileName(path, _rows(entry.get(_SOURCE)))
    return files


def _rows(source: str | int | None) -> tuple[str, ...]:
    return tuple(row.removesuffix("\r") for row in source.split("\n")) if isinstance(source, str) and source else ()


def _list(rest: Reader) -> list[dict[int, str | int | None]]:
    """Kinds of content with their forms, then entries of these."""
    kinds = [(rest.unsigned(), rest.unsigned()) for _ in range(rest.number(1))]
    count = rest.unsigned()
    if count > MAX_NAMES or (count and not kinds):
        raise Damaged
    return [{kind: rest.form(form) for kind, form in kinds} for _ in range(count)]
