"""What varies between iterations of a loop: values of registers and slots at the head."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.profile.misses import told
from vm.trace.snapshots import FIRST_SLOT, slot_name
from vm.verifier.state.reg_types import SCALAR_VALUE

if TYPE_CHECKING:
    from vm.trace.recorder import Recorder

MAX_ROUNDS: Final = 1_500
"""Rounds of each loop that are looked at."""
_BLOCKS: Final = 16
_LAST: Final = 10  # the frame pointer never changes


class Varying(NamedTuple):
    """The number with most different values. values -- how many, in `rounds` iterations; whole: they are all"""

    name: str
    values: int
    rounds: int
    whole: bool

    @property
    def text(self) -> str:
        """As a sentence without a full stop."""
        if self.values == self.rounds and self.whole:
            return f"{self.name}: {self.values:,} different values, one per round"
        if self.values == self.rounds:
            return f"{self.name}: another value in every one of {self.rounds:,} rounds that were looked at"
        return f"{self.name}: {self.values:,} different values in {self.rounds:,} rounds"


def varying(trace: Recorder, heads: Collection[int], visits: dict[int, int]) -> dict[int, Varying]:
    """By head of a loop: the register or slot of its frame with most different numbers.

    heads -- of the loops; visits -- of each instruction. A loop in which no number has more than two
    values has no entry.
    """
    seen: dict[int, dict[str, set[object]]] = {head: {} for head in heads}
    rounds = dict.fromkeys(heads, 0)
    for first, insns in trace.some_blocks(_BLOCKS):
        for place, idx in enumerate(insns):
            if idx not in seen or rounds[idx] >= MAX_ROUNDS:
                continue
            rounds[idx] += 1
            snap = trace.raw_before(first + place)
            if not snap:
                continue
            frame, values = snap[-1], seen[idx]
            for number, reg in enumerate(frame.regs[:_LAST]):
                if reg.type == SCALAR_VALUE:
                    values.setdefault(slot_name(len(snap) - 1, number), set()).add(told(reg))
            for spi, slot in enumerate(frame.stack):
                if slot.is_spill() and slot.spilled_ptr.type == SCALAR_VALUE:
                    name = slot_name(len(snap) - 1, FIRST_SLOT + spi)
                    values.setdefault(name, set()).add(told(slot.spilled_ptr))
    found = {}
    for head, by_name in seen.items():
        name = max(by_name, key=lambda each: len(by_name[each]), default="")
        if name and len(by_name[name]) > 2:
            found[head] = Varying(name, len(by_name[name]), rounds[head], rounds[head] == visits.get(head, 0))
    return found
