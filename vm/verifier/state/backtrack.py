"""What a walk back over the instructions still looks for (struct backtrack_state)."""

from __future__ import annotations

from typing import final

from vm.verifier.state.vstate import MAX_CALL_FRAMES


@final
class Backtrack:
    """Per frame, the registers and stack slots whose exact value mattered, as masks. `frame` is the one walked in.

    A walk has one of them: it is empty whenever no precision is being looked for.
    """

    __slots__ = ("frame", "regs", "slots")

    def __init__(self) -> None:
        self.frame: int = 0
        self.regs: list[int] = [0] * MAX_CALL_FRAMES
        self.slots: list[int] = [0] * MAX_CALL_FRAMES

    def empty(self) -> bool:
        wanted = 0
        for i in range(self.frame + 1):
            wanted |= self.regs[i] | self.slots[i]
        return wanted == 0

    def is_reg_set(self, regno: int) -> bool:
        return self.regs[self.frame] >> regno & 1 != 0

    def set_reg(self, regno: int) -> None:
        # Not "|=", which compiled code leaves to Python for what lies in a list.
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
