"""Snapshots of frames, and the names of their slots."""

from __future__ import annotations

from typing import Final, final

from vm.verifier.domain.scalar import same
from vm.verifier.prune.explored import same_head
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

FIRST_SLOT: Final = 11  # index of fp-8: 0-10 are registers, 11 + spi stack slots


@final
class FrameSnapshot:
    """One frame after a step; immutable. writers: by index, the step that last wrote the slot."""

    __slots__ = ("frameno", "regs", "stack", "writers")

    def __init__(self, frameno: int, regs: list[RegState], stack: list[StackSlot], writers: list[int]) -> None:
        self.frameno: int = frameno
        self.regs: list[RegState] = regs
        self.stack: list[StackSlot] = stack
        self.writers: list[int] = writers

    def copy(self) -> FrameSnapshot:
        """A copy that may be changed until it is shared."""
        return FrameSnapshot(self.frameno, self.regs[:], self.stack[:], self.writers[:])


def slot_name(frame: int, idx: int) -> str:
    """ "r3", "fp-8"; in frame n > 0 "n:r3"."""
    name = f"r{idx}" if idx < FIRST_SLOT else f"fp{-8 * (idx - FIRST_SLOT + 1)}"
    return f"{frame}:{name}" if frame else name


def slot_index(name: str) -> tuple[int, int]:
    """(frame, index) of a name; the inverse of slot_name()."""
    frame, _, short = name.rpartition(":")
    idx = int(short[1:]) if short[0] == "r" else FIRST_SLOT - 1 - int(short[2:]) // 8
    return int(frame or 0), idx


def names_in(frame: int, regs: int, slots: int) -> tuple[str, ...]:
    """Names of the registers and stack slots of two masks."""
    found = [slot_name(frame, i) for i in range(FIRST_SLOT) if regs >> i & 1]
    return (*found, *(slot_name(frame, FIRST_SLOT + i) for i in range(64) if slots >> i & 1))


def value_at(snap: tuple[FrameSnapshot, ...], frame: int, idx: int) -> RegState | StackSlot | None:
    """A slot's value; None if the slot does not exist or has no value."""
    if frame >= len(snap):
        return None
    if idx < FIRST_SLOT:
        reg = snap[frame].regs[idx]
        return reg if reg.type != t.NOT_INIT else None
    stack = snap[frame].stack
    spi = idx - FIRST_SLOT
    return stack[spi] if spi < len(stack) and any(stack[spi].slot_type) else None


def same_reg(a: RegState, b: RegState) -> bool:
    """Whether two values are equal except for `precise`, which checkpoints reset without any instruction."""
    return a is b or (
        same_head(a, b)
        and same(a.scalar, b.scalar)
        and a.id == b.id
        and a.ref_obj_id == b.ref_obj_id
        and a.frameno == b.frameno
    )


def same_slot(a: StackSlot, b: StackSlot) -> bool:
    """same_reg() for stack slots."""
    return a is b or (a.slot_type == b.slot_type and same_reg(a.spilled_ptr, b.spilled_ptr))


def same_value(a: RegState | StackSlot | None, b: RegState | StackSlot | None) -> bool:
    """same_reg() or same_slot(), depending on the values."""
    if isinstance(a, RegState):
        return isinstance(b, RegState) and same_reg(a, b)
    if isinstance(a, StackSlot):
        return isinstance(b, StackSlot) and same_slot(a, b)
    return b is None


def live_slots(
    snap: tuple[FrameSnapshot, ...], other: tuple[FrameSnapshot, ...] = ()
) -> dict[str, RegState | StackSlot]:
    """Live slots by name; frames and lists that `other` shares are left out."""
    out: dict[str, RegState | StackSlot] = {}
    for i, f in enumerate(snap):
        if i < len(other) and other[i] is f:
            continue
        prefix = f"{f.frameno}:" if f.frameno else ""
        if not (i < len(other) and other[i].regs is f.regs):
            for regno, reg in enumerate(f.regs):
                if reg.type != t.NOT_INIT:
                    out[f"{prefix}r{regno}"] = reg
        if not (i < len(other) and other[i].stack is f.stack):
            for spi, slot in enumerate(f.stack):
                if any(slot.slot_type):
                    out[f"{prefix}fp{-8 * (spi + 1)}"] = slot
    return out
