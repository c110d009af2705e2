"""Compares the walks of two programs: the first step at which they differ, and why."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.isa.text import CallName, insn_text
from vm.program import Program
from vm.trace.snapshots import FIRST_SLOT, FrameSnapshot, live_slots, same_value

if TYPE_CHECKING:
    from vm.trace.recorder import Recorder

MAX_VALUES: Final = 20_000
"""Steps whose values are compared; further on only where the walks go."""


class Parted(NamedTuple):
    """kind -- none: they do not differ; insn: the programs have different instructions there; value: the same
            instruction results in different values; path: they continue with different instructions; pruned: one of
            them ends a path there because a checkpoint covers it; end: one of them has ended
    agreed -- number of equal steps before
    a_step, b_step, a_insn, b_insn -- the first difference, -1 if a walk has no step there
    name   -- of the register or slot whose values `a` and `b` are; else these are instructions, or ""
    """

    kind: str
    agreed: int
    a_step: int = -1
    b_step: int = -1
    a_insn: int = -1
    b_insn: int = -1
    name: str = ""
    a: str = ""
    b: str = ""


class Walked:
    """A finished walk as input of the comparison."""

    def __init__(self, program: Program, trace: Recorder, call_name: CallName | None = None) -> None:
        self.program, self.trace, self._call_name = program, trace, call_name
        self.insns, self.starts = array("i"), array("i")
        for block in trace.blocks():
            self.insns += block.insn
            self.starts += block.starts.first_step

    def __len__(self) -> int:
        return len(self.insns)

    def text(self, idx: int) -> str:
        """An instruction in words, "" for -1."""
        return insn_text(self.program.insns, idx, call_name=self._call_name).partition(" ")[2] if idx >= 0 else ""

    def path(self, step: int) -> int:
        """Number of the path of a step."""
        return bisect_right(self.starts, step) - 1

    def pruned_before(self, step: int) -> bool:
        """Whether a path was pruned between a step and the one before it."""
        return any(
            self.trace.path_by_id(path).end == "safe" for path in range(self.path(step - 1), self.path(step))[:8]
        )


def part(a: Walked, b: Walked, other: dict[int, int], *, through_code: bool = False) -> Parted:
    """The first difference of two walks.

    other -- slot of a -> slot of b of the instructions that correspond
    through_code -- pass over instructions that only one program has, and compare no values: where do they go different
                    ways?
    """
    back = {two: one for one, two in other.items()}
    i = j = agreed = 0
    while i < len(a) and j < len(b):
        one, two = a.insns[i], b.insns[j]
        if other.get(one, -1) == two:
            if not through_code and agreed < MAX_VALUES:
                differs = _differs(a, i, b, j)
                if differs is not None:
                    return Parted("value", agreed, i, j, one, two, *differs)
            i, j, agreed = i + 1, j + 1, agreed + 1
            continue
        if one in other and two in back:
            pruned = i and j and (a.pruned_before(i) != b.pruned_before(j))
            return Parted("pruned" if pruned else "path", agreed, i, j, one, two, "", a.text(one), b.text(two))
        if not through_code:
            return Parted("insn", agreed, i, j, one, two, "", a.text(one), b.text(two))
        if one not in other:
            i += 1
        else:
            j += 1
    if through_code:
        while i < len(a) and a.insns[i] not in other:
            i += 1
        while j < len(b) and b.insns[j] not in back:
            j += 1
    if i == len(a) and j == len(b):
        return Parted("none", agreed)
    one, two = (a.insns[i] if i < len(a) else -1), (b.insns[j] if j < len(b) else -1)
    return Parted(
        "end", agreed, i if one >= 0 else -1, j if two >= 0 else -1, one, two, "", a.text(one), b.text(two)
    )  # fmt: skip


def _differs(a: Walked, i: int, b: Walked, j: int) -> tuple[str, str, str] | None:
    """(name, value in a, value in b) of the first value that differs after a step, in the innermost frame."""
    one, two = a.trace.raw(i), b.trace.raw(j)
    if not one or len(one) != len(two) or _same_regs(one[-1], two[-1]):
        return None
    left, right = live_slots(one), live_slots(two)
    for name in [*left, *(name for name in right if name not in left)]:
        mine, other = left.get(name), right.get(name)
        if same_value(mine, other):
            continue
        said = tuple(
            walk.trace.view(value, snap, name).text if value is not None else "nothing"
            for walk, value, snap in ((a, mine, one), (b, other, two))
        )
        if said[0] != said[1]:
            return name, said[0], said[1]
    return None


def _same_regs(one: FrameSnapshot, two: FrameSnapshot) -> bool:
    """Whether the frames have the same registers, by a fast comparison."""
    return (
        len(one.stack) == len(two.stack)
        and all(same_value(one.regs[n], two.regs[n]) for n in range(FIRST_SLOT))
        and all(same_value(x, y) for x, y in zip(one.stack, two.stack, strict=True))
    )
