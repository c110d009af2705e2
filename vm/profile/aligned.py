"""Two programs side by side: which lines of their sources, and which of their instructions, correspond."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from vm.csource import versions
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.profile.profile import place_of
from vm.program import Program

MAX_LINES: Final = 20_000
"""Lines of a source that are aligned."""
_MOST: Final = 4_000_000
"""Pairs of instructions that are compared for one line; beyond that equal beginnings and ends are aligned only."""

Place = tuple[str, int | None]
"""(file, line): "" for the source itself, None where no line information names one."""


class Row(NamedTuple):
    """A line of one or both sources, with its instructions.

    kind -- same, changed (the text differs), a, b (only one source has the line)
    a, b -- places, None where there is none; insns -- pairs of slots in order, None where there is no counterpart
    """

    kind: str
    a: Place | None
    b: Place | None
    insns: tuple[tuple[int | None, int | None], ...]


class Aligned(NamedTuple):
    """rows -- in the order of the sources, lines of headers last

    other -- slot of a -> slot of b: the pairs of the rows, and equal instructions that belong to different lines
    """

    rows: tuple[Row, ...]
    other: dict[int, int]


def align(a: Program, a_text: str, b: Program, b_text: str) -> Aligned:
    """Aligns two programs, given the texts of their sources ("": the lines that their line information quotes)."""
    by_a, by_b = _by_place(a), _by_place(b)
    rows: list[Row] = []
    for kind, one, two in _lines(a_text or quoted(a), b_text or quoted(b)):
        here = [by_a.pop(("", one), []) if one else [], by_b.pop(("", two), []) if two else []]
        if here[0] or here[1]:
            rows.append(_row(kind, ("", one) if one else None, ("", two) if two else None, a, here[0], b, here[1]))
    for place in sorted({*by_a, *by_b}, key=lambda each: (each[0], each[1] or 0)):
        one_has, two_has = by_a.get(place), by_b.get(place)
        kind = "same" if one_has and two_has else "a" if one_has else "b"
        rows.append(
            _row(kind, place if one_has else None, place if two_has else None, a, one_has or [], b, two_has or [])
        )
    other: dict[int, int] = {}
    _grow(a, b, other, [(0, 0)], 1)
    taken = set(other.values())
    pairs = [(one, two) for row in rows for one, two in row.insns if one is not None and two is not None]
    other |= {one: two for one, two in pairs if one not in other and two not in taken}
    for step in (1, -1):
        _grow(a, b, other, [(one + step, two + step) for one, two in other.items()], step)
    return Aligned(tuple(rows), other)


def _grow(a: Program, b: Program, other: dict[int, int], todo: list[tuple[int, int]], step: int) -> None:
    """Adds pairs of equal instructions next to known pairs: compilers assign some of them to other lines."""
    taken = set(other.values())
    while todo:
        one, two = todo.pop()
        inside = 0 <= one < len(a.insns) and 0 <= two < len(b.insns)
        if inside and one not in other and two not in taken and _key(a, one) == _key(b, two):
            other[one] = two
            taken.add(two)
            todo.append((one + step, two + step))


def quoted(program: Program) -> str:
    """The lines of the source that line information quotes."""
    lines = {info.line: info.text for info in program.lines if not program.file_of(info) and info.line <= MAX_LINES}
    return "\n".join(lines.get(n, "") for n in range(1, max(lines, default=0) + 1))


def _by_place(program: Program) -> dict[Place, list[int]]:
    """The instructions of each line, in order, without the second slots of 64-bit loads."""
    found: dict[Place, list[int]] = {}
    idx = 0
    while idx < len(program.insns):
        found.setdefault(place_of(program, idx), []).append(idx)
        idx += 2 if program.insns[idx].code == o.LD_IMM64 else 1
    return found


def _lines(a: str, b: str) -> list[tuple[str, int | None, int | None]]:
    """(kind, line of a, line of b) of all lines."""
    found: list[tuple[str, int | None, int | None]] = []
    for kind, i, j, k, m in versions.opcodes(a, b):
        both = min(j - i, m - k) if kind in ("equal", "replace") else 0
        word = "same" if kind == "equal" else "changed"
        found += [(word, i + n + 1, k + n + 1) for n in range(both)]
        found += [("a", n + 1, None) for n in range(i + both, j)]
        found += [("b", None, n + 1) for n in range(k + both, m)]
    return found


def _row(
    kind: str, one: Place | None, two: Place | None, a: Program, a_slots: list[int], b: Program, b_slots: list[int]
) -> Row:
    pairs: list[tuple[int | None, int | None]] = []
    left, right = [_key(a, idx) for idx in a_slots], [_key(b, idx) for idx in b_slots]
    for i, j, k, m, equal in _matched(left, right):
        if equal:
            pairs += zip(a_slots[i:j], b_slots[k:m], strict=True)
        else:
            pairs += [(idx, None) for idx in a_slots[i:j]]
            pairs += [(None, idx) for idx in b_slots[k:m]]
    return Row(kind, one, two, tuple(pairs))


def _matched(a: Sequence[object], b: Sequence[object]) -> list[tuple[int, int, int, int, bool]]:
    """(i, j, k, m, equal), the ranges of SequenceMatcher.get_opcodes()."""
    if len(a) * len(b) <= _MOST:
        return [(i, j, k, m, kind == "equal") for kind, i, j, k, m in SequenceMatcher(None, a, b, False).get_opcodes()]
    short = min(len(a), len(b))
    first = next((n for n in range(short) if a[n] != b[n]), short)
    last = next((n for n in range(short - first) if a[-1 - n] != b[-1 - n]), short - first)
    return [
        (0, first, 0, first, True),
        (first, len(a) - last, first, len(b) - last, False),
        (len(a) - last, len(a), len(b) - last, len(b), True),
    ]


def _key(program: Program, idx: int) -> tuple[object, ...]:
    """The parts in which matching instructions agree: all except jump targets and map numbers."""
    insn: Insn = program.insns[idx]
    cls = o.cls(insn.code)
    if cls in (o.JMP, o.JMP32):
        if o.op(insn.code) == o.CALL:
            return insn.code, insn.src_reg, None if insn.src_reg == o.PSEUDO_CALL else insn.imm
        return insn.code, insn.dst_reg, insn.src_reg, insn.imm if o.op(insn.code) != o.JA else None
    if insn.code == o.LD_IMM64 and idx + 1 < len(program.insns):
        loads_map = insn.src_reg in (o.PSEUDO_MAP_FD, o.PSEUDO_MAP_VALUE) and insn.imm < len(program.maps)
        what = program.maps[insn.imm].full_name if loads_map else insn.imm
        return insn.code, insn.dst_reg, insn.src_reg, what, program.insns[idx + 1].imm
    return tuple(insn)
