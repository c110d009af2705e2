"""Jumps that become too long for 16 bits when instructions are inserted (bpf_adj_branches of kernel/bpf/core.c)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from vm.namedtuples import NamedTuple
from vm.verifier.fixups.code import JA32, Slot, is_jump

FARTHEST: Final = (1 << 15) - 1
MOST_GROWTH: Final = 16
"""Slots an instruction becomes at most, on average over many: what a jump leaps over decides whether to look."""


class Jump(NamedTuple):
    """A jump with 16 bits for its distance: its slot and its target's."""

    source: int
    target: int


def jumps_in(slots: Sequence[Slot]) -> list[Jump]:
    """The jumps of a program before a pass."""
    place = {id(slot): i for i, slot in enumerate(slots)}
    return [
        Jump(i, place[id(slot.target)])
        for i, slot in enumerate(slots)
        if slot.target is not None and is_jump(slot.insn.code) and slot.insn.code != JA32
    ]


def too_far(before: Sequence[Slot], jumps: Sequence[Jump], after: Sequence[Slot]) -> Slot | None:
    """The first slot of `before` whose replacement makes a jump over it too long; None if there is none.

    The kernel replaces instructions in order and rejects the program at that one.
    """
    place = {id(slot): i for i, slot in enumerate(after)}
    starts = [0, *(place[id(slot)] for slot in before[1:]), len(after)]
    # grown[i]: what the slots before i have grown by
    grown = [0, *accumulate(end - start - 1 for start, end in zip(starts, starts[1:], strict=False))]
    first = len(before)
    for source, target in jumps:
        low, high = (source + 1, target) if target > source else (target, source)
        room = FARTHEST - (target - source - 1) if target > source else FARTHEST + target - source
        if grown[high] - grown[low] > room:
            first = min(first, bisect_right(grown, grown[low] + room) - 1)
    return before[first] if first < len(before) else None
