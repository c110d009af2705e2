"""A profile of a recorded walk: its cost by line, function and loop, and why states did not match."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.isa import opcodes as o
from vm.profile.charges import Charges, Stack, charges
from vm.profile.loops import Loop, loops
from vm.profile.misses import Miss, misses
from vm.profile.rounds import Varying, varying
from vm.program import Program

if TYPE_CHECKING:
    from vm.trace.recorder import Recorder

_OPEN: Final = "endless"
"""Comparisons with a checkpoint on the path that is being verified: the rounds of a loop before its end."""
MAX_LOOPS: Final = 64
"""Loops that are told of."""


class InsnCost(NamedTuple):
    """insns -- visits, including those at which the path was pruned; states -- checkpoints stored there"""

    insn_idx: int
    insns: int
    states: int
    pruned: int
    missed: int


class LineCost(NamedTuple):
    """Cost of the instructions of a source line. line -- None: instructions without line information.

    file -- "" for the source itself, a header's path for lines of a header
    """

    file: str
    line: int | None
    insns: int
    states: int
    pruned: int
    missed: int


class FunctionCost(NamedTuple):
    """calls -- how often it was entered or verified separately; insns -- visits of its own instructions

    total -- including the functions it called; alone -- the verifier walks it once for any arguments (global function)
    """

    name: str
    insn_idx: int
    line: int | None
    calls: int
    insns: int
    total: int
    alone: bool


class LoopCost(NamedTuple):
    """kind -- loop (of the control flow) or callback (called repeatedly by a helper)

    insn_idx -- head of the loop, or the call; rounds -- how often the walk visited it, on all paths
    insns, states, pruned -- in all iterations, including called functions
    why_not_pruned -- the most frequent reason why its states were not covered; "" if there is none
    """

    kind: str
    insn_idx: int
    line: int | None
    rounds: int
    insns: int
    states: int
    pruned: int
    why_not_pruned: str


class Profile(NamedTuple):
    """The numbers in `lines`, and those in `insns`, add up to insns_processed, states and pruned.

    states -- checkpoints that were stored (total_states); missed -- comparisons of states that failed
    """

    insns_processed: int
    states: int
    pruned: int
    missed: int
    insns: tuple[InsnCost, ...]
    lines: tuple[LineCost, ...]
    functions: tuple[FunctionCost, ...]
    loops: tuple[LoopCost, ...]
    misses: tuple[Miss, ...]


def profile(program: Program, trace: Recorder, processed: int, last: int) -> Profile:
    """The profile of a finished walk.

    program -- as it was walked; processed -- insns_processed; last -- the instruction at which the walk stopped
    """
    charged = charges(trace, processed, last)
    states = Counter(trace.journal.stored_at())
    missed: Counter[int] = Counter()
    for key, count in trace.journal.missed_at().items():
        missed[key >> 24] += count
    visits = charged.by_insn()
    insns = tuple(
        InsnCost(idx, visits[idx], states[idx], charged.pruned[idx], missed[idx])
        for idx in sorted(visits | states | missed)
    )
    found = tuple(misses(trace))
    return Profile(
        processed, states.total(), charged.pruned.total(), missed.total(), insns, _lines(program, insns),
        _functions(program, charged), _loops(program, trace, charged, states, found), found,
    )  # fmt: skip


def _lines(program: Program, insns: tuple[InsnCost, ...]) -> tuple[LineCost, ...]:
    """By line, the most expensive first."""
    found: dict[tuple[str, int | None], list[int]] = {}
    for cost in insns:
        row = found.setdefault(place_of(program, cost.insn_idx), [0, 0, 0, 0])
        for i, value in enumerate(cost[1:]):
            row[i] += value
    rows = (LineCost(file, line, *row) for (file, line), row in found.items())
    return tuple(sorted(rows, key=lambda row: (-row.insns, row.file, row.line or 0)))


def place_of(program: Program, insn_idx: int) -> tuple[str, int | None]:
    """(file, "" for the source itself; 1-based line, None without line info)."""
    info = program.place_of(insn_idx)
    return (program.file_of(info), info.line) if info is not None else ("", None)


def _functions(program: Program, charged: Charges) -> tuple[FunctionCost, ...]:
    starts = _starts(program, charged)
    calls = Counter({start: 1 for start in charged.alone if start in starts})
    for (_, entry), count in charged.entered.items():
        calls[_start_of(starts, entry)] += count
    for (site, entry), count in charged.resumed.items():
        if _start_of(starts, site) != _start_of(starts, entry):
            calls[_start_of(starts, entry)] += count
    own: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for stack, counted in charged.visits.items():
        above = {_start_of(starts, site) for site in stack}
        for idx, count in counted.items():
            start = _start_of(starts, idx)
            own[start] += count
            for each in above | {start}:
                total[each] += count
    names = {info.insn_off: info.name for info in program.functions}
    rows = (
        FunctionCost(
            names.get(start, program.name if not start else f"function at {start}"), start, program.line_of(start),
            calls[start], own[start], total[start], start != 0 and start in charged.alone,
        )
        for start in starts
        if own[start]
    )  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (-row.total, row.insn_idx)))


def _starts(program: Program, charged: Charges) -> list[int]:
    """First instructions of the functions."""
    found = {0, *(info.insn_off for info in program.functions), *charged.alone}
    if not program.functions:
        found.update(entry for _, entry in charged.entered)
    return sorted(found)


def _start_of(starts: list[int], idx: int) -> int:
    return starts[bisect_right(starts, idx) - 1]


def _loops(
    program: Program, trace: Recorder, charged: Charges, states: Counter[int], found: tuple[Miss, ...]
) -> tuple[LoopCost, ...]:
    """The loops that were walked, the most expensive first."""
    visits = charged.by_insn()
    natural = [each for each in loops(program.insns, _starts(program, charged)) if visits[each.head]]
    callbacks: Counter[int] = Counter()
    for (site, _), count in charged.entered.items():
        insn = program.insns[site]
        if not (insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL):
            callbacks[site] += count
    dearest = sorted(natural, key=lambda each: -sum(visits[idx] for idx in each.body))[:MAX_LOOPS]
    differs = varying(trace, {each.head for each in dearest}, visits)
    rows = [_cost("loop", each, visits[each.head], program, charged, states, found, differs) for each in natural]
    rows += [
        _cost("callback", Loop(site, frozenset()), count, program, charged, states, found, {})
        for site, count in callbacks.items()
        if count > 1
    ]
    rows.sort(key=lambda row: (-row.insns, row.insn_idx))
    return tuple(rows[:MAX_LOOPS])


def _cost(
    kind: str, loop: Loop, rounds: int, program: Program, charged: Charges, states: Counter[int],
    found: tuple[Miss, ...], differs: dict[int, Varying],
) -> LoopCost:  # fmt: skip
    body = loop.body
    walked: Counter[int] = Counter()
    for stack, counted in charged.visits.items():
        if _inside(stack, loop):
            walked.update(counted)
        else:
            walked.update({idx: count for idx, count in counted.items() if idx in body})
    worst = next((miss for miss in found if miss.insn_idx in walked), None)
    why = worst.text if worst is not None else ""
    if worst is not None and worst.rule == _OPEN and loop.head in differs:
        # A comparison contains only the first difference; what varies in all iterations explains the loop better.
        why = differs[loop.head].text
    return LoopCost(
        kind, loop.head, program.line_of(loop.head), rounds, walked.total(),
        sum(states[idx] for idx in walked), sum(charged.pruned[idx] for idx in walked),
        why,
    )  # fmt: skip


def _inside(stack: Stack, loop: Loop) -> bool:
    """Whether a frame was called from inside a loop."""
    return any(site in loop.body or (not loop.body and site == loop.head) for site in stack)
