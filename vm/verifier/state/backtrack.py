"""The set of registers and slots of precision backtracking (struct backtrack_state)."""

from __future__ import annotations

from typing import final

from vm.verifier.state.vstate import MAX_CALL_FRAMES


@final
class Backtrack:
    """By frame, masks of the registers and stack slots that have to be precise. `frame` is the current one.

    A walk has one of these objects; it is empty between calls of mark_chain_precision().
    """

    __slots__ = ("frame", "regs", "slots")

    def __init__(self) -> None:
        self.frame: int = 0
        self.regs: list[int] = [0] * MAX_CALL_FRAMES
        self.slots: list[int] = [0] * MAX_CALL_FRAMES

    def empty(self) -> bool:
        i: int = self.frame
        while i >= 0:
            if self.regs[i] or self.slots[i]:
                return False
            i -= 1
        return True

    def is_reg_set(self, regno: int) -> bool:
        return self.regs[self.frame] >> regno & 1 != 0

    def set_reg(self, regno: int) -> None:
        # Not "|=", which is a Python operation for list elements in compiled code.
        self.regs[self.frame] = self.regs[self.frame] | 1 << regno

    def clear_reg(self, regno: int) -> None:
        self.regs[self.frame] = self.regs[self.frame] & ~(1 << regno)

    def set_slot(self, frame: int, spi: int) -> None:
        self.slots[frame] = self.slots[frame] | 1 << spi

    def reset(self) -> None:
        for i in range(MAX_CALL_FRAMES):
            self.regs[i] = 0
            self.slots[i] = 0
        self.frame = 0
