"""What the walk did besides visiting instructions, noted where it happens: comparisons with checkpoints and precision.

Entries are plain tuples of numbers and shared values; vm/trace/records.py has the shapes they are told in, and
vm/trace/retell.py makes those when asked. Both ends of a long walk are kept, so that a million steps cost what the
bounds say.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Final, final

from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

KEEP_COMPARISONS: Final = 5_000
KEEP_MARKS: Final = 4_000
MAX_CHAIN: Final = 128
GAVE_UP: Final = 0xFFFFFFFF  # an insn_idx in a chain: from here on every scalar counts as precise

# Why a checkpoint was compared the way it was (is_state_visited()); index of RULES.
RULE_DONE: Final = 0
RULE_OPEN_LOOP: Final = 1
RULE_ITER: Final = 2
RULE_MAY_GOTO: Final = 3
RULE_CALLBACK: Final = 4
RULE_ENDLESS: Final = 5
RULE_ASYNC: Final = 6

# What decided that a checkpoint did not cover, if no register or slot did.
WHY_SLOT: Final = 0
WHY_FRAMES: Final = 1
WHY_SPECULATIVE: Final = 2
WHY_LOCK: Final = 3
WHY_RCU: Final = 4
WHY_PREEMPT: Final = 5
WHY_SLEEPABLE: Final = 6
WHY_CALLSITE: Final = 7
WHY_CALLBACK_DEPTH: Final = 8
WHY_REFS: Final = 9
WHY_ITER_DRAINED: Final = 10
WHY_DEPTHS: Final = 11
WHY_ASYNC_ROUND: Final = 12

Slot = RegState | StackSlot | None


@final
class Comparison:
    """The state at insn_idx against one checkpoint. step: number the visit has, or would have had.

    slot: 0-10 a register, 11 + spi a stack slot, -1 none; old and cur are its two values.
    """

    __slots__ = (
        "step", "path", "insn_idx", "checkpoint", "rule", "covered", "why", "frame", "slot", "old", "cur", "held",
    )  # fmt: skip

    def __init__(
        self,
        step: int,
        path: int,
        insn_idx: int,
        checkpoint: int,
        rule: int,
        covered: bool,
        why: int,
        frame: int,
        slot: int,
        old: Slot,
        cur: Slot,
        held: tuple[tuple[int, int, Slot], ...],
    ) -> None:
        self.step: int = step
        self.path: int = path
        self.insn_idx: int = insn_idx
        self.checkpoint: int = checkpoint
        self.rule: int = rule
        self.covered: bool = covered
        self.why: int = why
        self.frame: int = frame
        self.slot: int = slot
        self.old: Slot = old
        self.cur: Slot = cur
        self.held: tuple[tuple[int, int, Slot], ...] = held


@final
class Mark:
    """One call of mark_chain_precision(); chain holds (insn_idx | frame << 32 | registers << 40, slots) pairs."""

    __slots__ = ("step", "path", "insn_idx", "frame", "regs", "slots", "why", "chain")

    def __init__(self, step: int, path: int, insn_idx: int, frame: int, regs: int, slots: int, why: str) -> None:
        self.step: int = step
        self.path: int = path
        self.insn_idx: int = insn_idx
        self.frame: int = frame
        self.regs: int = regs
        self.slots: int = slots
        self.why: str = why
        self.chain: array[int] | None = None


@final
class Journal:
    """The first and the last of each kind; what fell out between is counted."""

    def __init__(self, keep_comparisons: int = KEEP_COMPARISONS, keep_marks: int = KEEP_MARKS) -> None:
        self._keep_comparisons: int = keep_comparisons
        self._keep_marks: int = keep_marks
        self.first_comparisons: list[Comparison] = []
        self.last_comparisons: list[Comparison] = []
        self.comparisons_left_out: int = 0
        self.first_hits: list[Comparison] = []
        self.last_hits: list[Comparison] = []
        self.hits_left_out: int = 0
        self.first_marks: list[Mark] = []
        self.last_marks: list[Mark] = []
        self.marks_left_out: int = 0
        # Reads of stack slots: the steps, and frame << 8 | spi.
        self.read_steps: array[int] = array("i")
        self.read_slots: array[int] = array("H")
        # What the comparison that just failed differed in.
        self.why: int = 0
        self.frame: int = -1
        self.slot: int = -1
        self.old: Slot = None
        self.cur: Slot = None
        self._open_mark: Mark | None = None
        self._links: list[int] = []  # of its chain, as far as it is walked

    def differs(self, why: int) -> None:
        """The states differ in something other than a register or slot."""
        self.why = why
        self.frame = self.slot = -1
        self.old = self.cur = None

    def differs_in(self, frame: int, slot: int, old: Slot, cur: Slot) -> None:
        """The states differ in this register or slot."""
        self.why = WHY_SLOT
        self.frame = frame
        self.slot = slot
        self.old = old
        self.cur = cur

    def slot_read(self, step: int, frame: int, spi: int) -> None:
        """Step `step` reads (a part of) a stack slot."""
        slot = frame << 8 | spi
        if self.read_steps and self.read_steps[-1] == step and self.read_slots[-1] == slot:
            return  # bytes of one slot are asked for one after the other
        self.read_steps.append(step)
        self.read_slots.append(slot)

    def slots_read(self, step: int) -> list[tuple[int, int]]:
        """(frame, spi) of the stack slots step `step` read, in order."""
        at = bisect_left(self.read_steps, step)
        found: dict[tuple[int, int], None] = {}
        while at < len(self.read_steps) and self.read_steps[at] == step:
            found[self.read_slots[at] >> 8, self.read_slots[at] & 0xFF] = None
            at += 1
        return list(found)

    def missed(self, step: int, path: int, insn_idx: int, checkpoint: int, rule: int) -> None:
        """A checkpoint did not cover; differs() or differs_in() said before in what."""
        if len(self.first_comparisons) < self._keep_comparisons:
            kept = self.first_comparisons
        else:
            kept = self.last_comparisons
            if len(kept) >= 2 * self._keep_comparisons:
                self.comparisons_left_out += self._keep_comparisons
                del kept[: self._keep_comparisons]
        kept.append(
            Comparison(
                step, path, insn_idx, checkpoint, rule, False, self.why, self.frame, self.slot, self.old, self.cur, ()
            )
        )

    def hit(
        self, step: int, path: int, insn_idx: int, checkpoint: int, rule: int, held: list[tuple[int, int, Slot]]
    ) -> None:
        """A checkpoint covered; `held` is what of it was compared."""
        if len(self.first_hits) < self._keep_comparisons:
            kept = self.first_hits
        else:
            kept = self.last_hits
            if len(kept) >= 2 * self._keep_comparisons:
                self.hits_left_out += self._keep_comparisons
                del kept[: self._keep_comparisons]
        kept.append(Comparison(step, path, insn_idx, checkpoint, rule, True, 0, -1, -1, None, None, tuple(held)))

    def mark(self, step: int, path: int, insn_idx: int, frame: int, regs: int, slots: int, why: str) -> None:
        """mark_chain_precision() starts; walked() adds to its chain."""
        if len(self.first_marks) < self._keep_marks:
            kept = self.first_marks
        else:
            kept = self.last_marks
            if len(kept) >= 2 * self._keep_marks:
                self.marks_left_out += self._keep_marks
                del kept[: self._keep_marks]
        self._end_chain()
        kept.append(Mark(step, path, insn_idx, frame, regs, slots, why))
        self._open_mark = kept[-1]

    def _end_chain(self) -> None:
        """A chain is put away packed: there may be millions of links."""
        mark = self._open_mark
        if mark is not None:
            mark.chain = array("L", self._links)
            self._links = []
            self._open_mark = None

    def walked(self, insn_idx: int, frame: int, regs: int, slots: int) -> None:
        """Precision of these registers and slots of `frame` is wanted after instruction insn_idx."""
        links = self._links
        if len(links) < 2 * MAX_CHAIN:
            links.append(insn_idx | frame << 32 | (regs & 0xFFFF) << 40)
            links.append(slots & 0xFFFFFFFFFFFFFFFF)

    def misses(self) -> list[Comparison]:
        return self.first_comparisons + self.last_comparisons

    def hits(self) -> list[Comparison]:
        return self.first_hits + self.last_hits

    def marks(self) -> list[Mark]:
        self._end_chain()
        return self.first_marks + self.last_marks
