"""The states after the steps of a block, as frames that share unchanged values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from vm.trace.blocks import Block, Changes
from vm.trace.snapshots import FIRST_SLOT, FrameSnapshot
from vm.trace.values import ValueReader
from vm.verifier.state.frame import INVALID_SLOT, StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, RegState

if TYPE_CHECKING:
    from vm.btf.types import Btf

Snapshot = tuple[FrameSnapshot, ...]
_NO_REGS: Final = [NOT_INIT_REG] * FIRST_SLOT


@final
class Folded:
    """The states of a block, computed on the first access. btf: the type information of the program."""

    def __init__(self, block: Block, btf: Btf | None) -> None:
        self.block: Block = block
        self._values: ValueReader = ValueReader(block.rows, block.row_starts, btf)
        self._now: list[FrameSnapshot] = []
        self._done: bool = False
        self._keyframe: Snapshot = ()
        self._after: list[Snapshot] = []
        self._starts: list[Snapshot] = []

    def after(self, place: int) -> Snapshot:
        """The state after the block's step number `place`."""
        self._fold()
        return self._after[place]

    def keyframe(self) -> Snapshot:
        """The state before the block's first change."""
        self._fold()
        return self._keyframe

    def started(self, place: int) -> Snapshot:
        """The start state of the block's path number `place`."""
        self._fold()
        return self._starts[place]

    def value(self, index: int, row: int) -> RegState | StackSlot:
        """The value of a row, for a slot with this index (snapshots.py)."""
        return self._values.register(row) if index < FIRST_SLOT else self._values.slot(row)

    def _fold(self) -> None:
        if self._done:
            return
        self._done = True
        block = self.block
        changes, starts = block.changes, block.starts
        at, number = 0, 0
        last = self._keyframe = self._applied(block.keyframe, 0, len(block.keyframe.slot), block.key_depth)
        for i, end in enumerate(block.end):
            while number < len(starts.end) and starts.first_step[number] <= block.first + i:
                last = self._applied(changes, at, starts.end[number], starts.depth[number])
                self._starts.append(last)
                at = starts.end[number]
                number += 1
            if end != at or block.depth[i] != len(last):
                last = self._applied(changes, at, end, block.depth[i])
                at = end
            self._after.append(last)
        while number < len(starts.end):
            last = self._applied(changes, at, starts.end[number], starts.depth[number])
            self._starts.append(last)
            at = starts.end[number]
            number += 1

    def _applied(self, changes: Changes, first: int, end: int, depth: int) -> Snapshot:
        now, values = self._now, self._values
        del now[depth:]
        while len(now) < depth:
            now.append(FrameSnapshot(len(now), _NO_REGS, [], [-1] * FIRST_SLOT))
        own = 0  # frames that were copied here, as bits
        for i in range(first, end):
            place = changes.slot[i]
            number, idx = place >> 8, place & 0xFF
            if not own >> number & 1:
                now[number] = now[number].copy()
                own |= 1 << number
            frame = now[number]
            row = changes.row[i]
            if idx < FIRST_SLOT:
                frame.regs[idx] = values.register(row)
            else:
                spi = idx - FIRST_SLOT
                if spi >= len(frame.stack):
                    frame.stack += [INVALID_SLOT] * (spi + 1 - len(frame.stack))
                    frame.writers += [-1] * (idx + 1 - len(frame.writers))
                frame.stack[spi] = values.slot(row)
            frame.writers[idx] = changes.writer[i]
        return tuple(now)
