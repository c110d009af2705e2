"""The loops of a program: natural loops of its control-flow graph, each a head and all that leads back to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.operands import target

MAX_LOOPS: Final = 256
MAX_WORK: Final = 2_000_000
"""Instructions that are looked at for the bodies of all loops together."""

_JUMPS: Final = (o.JMP, o.JMP32)


class Loop(NamedTuple):
    """head -- the first instruction of every iteration; body -- all instructions of the loop including the head."""

    head: int
    body: frozenset[int]


def successors(insns: Sequence[Insn], idx: int) -> tuple[int, ...]:
    """The instructions of the same function that can follow one; a call is followed by the next instruction."""
    insn = insns[idx]
    cls = o.cls(insn.code)
    after = idx + (2 if insn.code == o.LD | o.IMM | o.DW else 1)
    if cls not in _JUMPS or o.op(insn.code) == o.CALL:
        found: tuple[int, ...] = (after,)
    elif o.op(insn.code) == o.EXIT:
        found = ()
    else:
        to = idx + 1 + insn.off if o.op(insn.code) == o.JCOND else target(insn, idx)
        jump = (to,) if to is not None else ()
        found = jump if o.op(insn.code) == o.JA else (after, *jump)
    return tuple(each for each in dict.fromkeys(found) if 0 <= each < len(insns))


def loops(insns: Sequence[Insn], starts: Sequence[int]) -> list[Loop]:
    """The loops of the functions that begin at `starts`, by head; the first MAX_LOOPS, as far as MAX_WORK reaches."""
    backs: dict[int, list[int]] = {}
    before: dict[int, list[int]] = {}
    state = bytearray(len(insns))  # 1: on the current path, 2: finished
    for start in starts:
        if not 0 <= start < len(insns) or state[start]:
            continue
        state[start] = 1
        stack = [(start, iter(successors(insns, start)))]
        while stack:
            here, rest = stack[-1]
            to = next(rest, None)
            if to is None:
                state[here] = 2
                stack.pop()
                continue
            before.setdefault(to, []).append(here)
            if state[to] == 1:
                backs.setdefault(to, []).append(here)
            elif not state[to]:
                state[to] = 1
                stack.append((to, iter(successors(insns, to))))
    found, work = [], 0
    for head in sorted(backs)[:MAX_LOOPS]:
        body, todo = {head}, list(backs[head])
        while todo and work < MAX_WORK:
            here = todo.pop()
            work += 1
            if here not in body:
                body.add(here)
                todo += before.get(here, ())
        found.append(Loop(head, frozenset(body)))
    return found
