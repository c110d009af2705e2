"""Source lines by DWARF: the line number programs of .debug_line, versions 2 to 5 (DWARF 5, section 6.2).

For objects without line information in .BTF.ext, as GCC and rustc make them. pyelftools is not used, because it follows
counts and lengths of the file without a bound: a few bytes of a hostile file make it take all memory. Here numbers have
at most 64 bits and lists and strings a limit. What is damaged gives no lines; it never makes an object unusable.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vm.elf.code import Function
from vm.elf.line_header import Content, Damaged, FileName, Header, Reader, read_header
from vm.elf.reader import MAX_RELOCS, SHT_REL, SHT_RELA, ElfFile
from vm.isa.insn import INSN_SIZE
from vm.program import LineInfo

MAX_BYTES: Final = 1 << 20
"""Of .debug_line; each of them is at most one row."""
MAX_ROWS: Final = 200_000
MAX_LINE: Final = (1 << 22) - 1
MAX_COLUMN: Final = (1 << 10) - 1
"""What struct bpf_line_info has room for."""

_COPY, _ADVANCE_PC, _ADVANCE_LINE, _SET_FILE, _SET_COLUMN, _CONST_ADD_PC, _FIXED_ADVANCE_PC = 1, 2, 3, 4, 5, 8, 9
_END_SEQUENCE, _SET_ADDRESS = 1, 2


class Row(NamedTuple):
    """From `offset` on, in bytes within a section, code belongs to this line; line 0: to none."""

    offset: int
    file: FileName | None
    line: int
    column: int


def attach_debug_lines(functions: Iterable[Function], elf: ElfFile) -> dict[str, tuple[str, ...]]:
    """Give functions their lines by DWARF, as far as the object has them; never an error.

    The files whose text is in the object, with their lines.
    """
    sections = read_rows(elf)
    for function in functions:
        rows = sections.get(function.section.index)
        if rows:
            function.debug_lines = _lines_of(function, rows)
    files = (row.file for rows in sections.values() for row in rows)
    return {file.path: file.rows for file in files if file is not None and file.rows}


def read_rows(elf: ElfFile) -> dict[int, tuple[Row, ...]]:
    """The rows of each executable section, by its index: sorted, one for each offset."""
    section = elf.section(".debug_line")
    if section is None or not 0 < len(section.data) <= MAX_BYTES:
        return {}
    rows = _Rows({s.index for s in elf.sections if s.executable})
    places = _relocations(elf, section.index)
    reader = Reader(Content(section.data, places, _strings(elf, ".debug_str"), _strings(elf, ".debug_line_str")))
    try:
        while reader.left and not rows.full:
            unit = reader.unit()
            try:
                _run(unit, read_header(unit), rows)
            except Damaged:
                continue  # the next one begins where this one says that it ends
    except Damaged:
        pass
    return {index: rows.of(index) for index in rows.sections}


def _strings(elf: ElfFile, name: str) -> bytes:
    """The content of a section of strings, empty where there is none."""
    section = elf.section(name)
    return section.data if section is not None else b""


def _relocations(elf: ElfFile, target: int) -> dict[int, tuple[int, int]]:
    """Section index and value to add, by the place in a section that is relocated.

    The relocations' types are not looked at: LLVM and GNU binutils number them differently, and the field that is
    relocated says how wide it is.
    """
    out: dict[int, tuple[int, int]] = {}
    for section in elf.sections:
        if section.info != target or section.type not in (SHT_REL, SHT_RELA):
            continue
        size = 16 if section.type == SHT_REL else 24
        for at in range(0, min(len(section.data), MAX_RELOCS * size) - size + 1, size):
            record = section.data[at : at + size]
            symbol = int.from_bytes(record[12:16], "little")
            if symbol < len(elf.symbols):
                found = elf.symbols[symbol]
                addend = int.from_bytes(record[16:24], "little", signed=True)
                out[int.from_bytes(record[:8], "little")] = (found.section, found.value + addend)
    return out


@dataclass(slots=True)
class _Rows:
    """Rows by section and offset. Of several at one offset the last counts, and each more than the end of another."""

    sections: set[int]
    found: dict[int, dict[int, Row]] = field(default_factory=dict)
    count: int = 0

    @property
    def full(self) -> bool:
        return self.count >= MAX_ROWS

    def add(self, section: int, row: Row) -> None:
        self.count += 1
        if section in self.sections and row.offset >= 0:
            rows = self.found.setdefault(section, {})
            if row.file is not None or row.offset not in rows:
                rows[row.offset] = row

    def of(self, section: int) -> tuple[Row, ...]:
        rows = self.found.get(section, {})
        return tuple(rows[offset] for offset in sorted(rows))


@dataclass(slots=True)
class _State:
    """Registers of the line number state machine; `section` -1 until an address is set by a relocation."""

    section: int = -1
    offset: int = 0
    file: int = 1
    line: int = 1
    column: int = 0


def _run(unit: Reader, header: Header, rows: _Rows) -> None:
    """Run the program of one unit, from after its header to its end."""
    state = _State()
    while unit.left and not rows.full:
        opcode = unit.number(1)
        if opcode >= header.opcode_base:
            steps, line = divmod(opcode - header.opcode_base, header.line_range)
            state.offset += steps * header.min_length
            state.line += header.line_base + line
            rows.add(state.section, _row(header, state))
        elif opcode == 0:
            state = _extended(unit, header, state, rows)
        elif opcode == _COPY:
            rows.add(state.section, _row(header, state))
        elif opcode == _ADVANCE_PC:
            state.offset += unit.unsigned() * header.min_length
        elif opcode == _ADVANCE_LINE:
            state.line += unit.signed()
        elif opcode == _SET_FILE:
            state.file = unit.unsigned()
        elif opcode == _SET_COLUMN:
            state.column = unit.unsigned()
        elif opcode == _CONST_ADD_PC:
            state.offset += (255 - header.opcode_base) // header.line_range * header.min_length
        elif opcode == _FIXED_ADVANCE_PC:
            state.offset += unit.number(2)
        else:  # says nothing about lines, or is of a later version
            for _ in range(header.operands[opcode - 1]):
                unit.unsigned()
        if state.offset >> 64 or abs(state.line) >> 64:
            raise Damaged


def _extended(unit: Reader, header: Header, state: _State, rows: _Rows) -> _State:
    length = unit.unsigned()
    part = unit.part(length)
    if not length:
        return state
    opcode = part.number(1)
    if opcode == _END_SEQUENCE:
        rows.add(state.section, Row(state.offset, None, 0, 0))
        return _State()
    if opcode == _SET_ADDRESS:
        section, state.offset = part.address(length - 1)
        state.section = section if section is not None else -1
    return state


def _row(header: Header, state: _State) -> Row:
    """Line 0 is code that the compiler made for no line of its own."""
    known = 0 < state.line <= MAX_LINE
    column = state.column if state.column <= MAX_COLUMN else 0
    return Row(state.offset, header.file(state.file), state.line if known else 0, column)


def _lines_of(function: Function, rows: tuple[Row, ...]) -> list[LineInfo]:
    """A function's lines, by slots from its beginning; none unless they begin where it begins."""
    low, high = function.start * INSN_SIZE, function.end * INSN_SIZE
    out: list[LineInfo] = []
    for row in rows[max(bisect_right(rows, low, key=lambda row: row.offset) - 1, 0) :]:
        if row.offset >= high:
            break
        slot, rest = divmod(max(row.offset - low, 0), INSN_SIZE)
        if row.file is None or not row.line or rest or (row.offset > low and not out):
            continue
        last = out[-1] if out else None
        if last is None or (last.file, last.line, last.column) != (row.file.path, row.line, row.column):
            out.append(LineInfo(slot, row.file.path, row.line, row.column, row.file.text(row.line)))
    return out
