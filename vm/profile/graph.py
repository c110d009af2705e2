"""The control-flow graph of a program: basic blocks by function, edges between them, and loops."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.operands import target
from vm.profile.loops import Loop, loops, successors
from vm.program import Program

MAX_BLOCKS: Final = 20_000
"""Basic blocks that are told of."""
_WIDE: Final = o.LD | o.IMM | o.DW


class Function(NamedTuple):
    """name -- as in the object, "" if it has none; insn -- its first instruction; first, last -- its basic blocks;
    calls -- instructions that call it, or pass it as a callback."""

    name: str
    insn: int
    first: int
    last: int
    calls: tuple[int, ...]


class BasicBlock(NamedTuple):
    """Instructions that are executed in sequence; first and last are slots."""

    first: int
    last: int


class Edge(NamedTuple):
    """An edge from one block to another, by number. kind: `next` (no jump), `jump`, `taken` or `not` of a condition;
    back: it is the back edge of a loop."""

    start: int
    end: int
    kind: str
    back: bool


class Graph(NamedTuple):
    """The graph of a program.

    loops     -- natural loops
    callbacks -- functions, by number, that are called repeatedly by a helper or by a timer
    left_out  -- number of blocks that were omitted because of the limit
    """

    functions: tuple[Function, ...]
    blocks: tuple[BasicBlock, ...]
    edges: tuple[Edge, ...]
    loops: tuple[Loop, ...]
    callbacks: tuple[int, ...]
    left_out: int


def graph(program: Program) -> Graph:
    """The graph of a loaded program; blocks in the order of its instructions."""
    insns = program.insns
    calls = _calls(insns)
    starts = sorted({0, *(to for to in calls if 0 <= to < len(insns))})
    heads = _heads(insns, starts)
    blocks = _blocks(insns, heads)
    kept = blocks[:MAX_BLOCKS]
    number = {block.first: n for n, block in enumerate(kept)}
    edges: list[Edge] = []
    for n, block in enumerate(kept):
        insn, after = insns[block.last], _after(insns, block.last)
        for to in successors(insns, block.last):
            if to in number and _function(starts, to) == _function(starts, block.first):
                edges.append(Edge(n, number[to], _kind(insn, to == after), False))
    names = {info.insn_off: info.name for info in program.functions}
    firsts = [block.first for block in kept]
    functions = [
        Function(
            names.get(start, ""), start, number[start], bisect_right(firsts, end - 1) - 1, tuple(calls.get(start, ()))
        )
        for start, end in zip(starts, [*starts[1:], len(insns)], strict=True)
        if start in number
    ]
    found = loops(insns, starts)
    inside = {loop.head: loop.body for loop in found}
    edges = [edge._replace(back=kept[edge.start].last in inside.get(kept[edge.end].first, ())) for edge in edges]
    callbacks = tuple(n for n, each in enumerate(functions) if any(insns[call].code == _WIDE for call in each.calls))
    return Graph(tuple(functions), tuple(kept), tuple(edges), tuple(found), callbacks, len(blocks) - len(kept))


def _calls(insns: tuple[Insn, ...]) -> dict[int, list[int]]:
    """Functions of the program by their first instruction: the instructions that name them."""
    found: dict[int, list[int]] = {}
    for idx, insn in enumerate(insns):
        to = None
        if insn.code == o.JMP | o.CALL:
            to = target(insn, idx)
        elif insn.code == _WIDE and insn.src_reg == o.PSEUDO_FUNC:
            to = idx + 1 + insn.imm
        if to is not None:
            found.setdefault(to, []).append(idx)
    return found


def _heads(insns: tuple[Insn, ...], starts: list[int]) -> set[int]:
    """First instructions of basic blocks."""
    heads, idx = set(starts), 0
    while idx < len(insns):
        after = _after(insns, idx)
        insn = insns[idx]
        if o.cls(insn.code) in (o.JMP, o.JMP32) and o.op(insn.code) != o.CALL:
            heads |= {after, *successors(insns, idx)}
        idx = after
    return {head for head in heads if 0 <= head < len(insns)}


def _blocks(insns: tuple[Insn, ...], heads: set[int]) -> list[BasicBlock]:
    found: list[BasicBlock] = []
    first, idx = 0, 0
    while idx < len(insns):
        after = _after(insns, idx)
        if after >= len(insns) or after in heads:
            found.append(BasicBlock(first, idx))
            first = after
        idx = after
    return found


def _after(insns: tuple[Insn, ...], idx: int) -> int:
    return idx + (2 if insns[idx].code == _WIDE else 1)


def _function(starts: list[int], idx: int) -> int:
    return bisect_right(starts, idx)


def _kind(insn: Insn, falls: bool) -> str:
    jumps = o.cls(insn.code) in (o.JMP, o.JMP32) and o.op(insn.code) != o.CALL
    if not jumps:
        return "next"
    if o.op(insn.code) == o.JA:
        return "jump"
    return "not" if falls else "taken"
