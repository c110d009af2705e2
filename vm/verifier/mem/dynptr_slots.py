"""Dynptrs on the stack: two slots that are one value (mark_stack_slots_dynptr and its counterparts)."""

from __future__ import annotations

from typing import Final

from vm.isa.opcodes import MAX_BPF_REG
from vm.verifier.env import EINVAL, VerifierEnv
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import ALL_INVALID, FuncState, StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, unknown_scalar

BPF_DYNPTR_NR_SLOTS: Final = 2


def dynptr_type_refcounted(dynptr_type: int) -> bool:
    """Must the dynptr be submitted or discarded before the program ends?"""
    return dynptr_type == t.BPF_DYNPTR_TYPE_RINGBUF


def clear_dynptr_slots(state: FuncState, spi: int) -> None:
    """Both slots hold nothing any more; reads that follow do not reach further back."""
    for i in (spi, spi - 1):
        state.stack[i] = StackSlot(ALL_INVALID, NOT_INIT_REG)
        state.live.marks[MAX_BPF_REG + i] |= t.REG_LIVE_WRITTEN


def destroy_if_dynptr_stack_slot(env: VerifierEnv, state: FuncState, spi: int) -> None:
    """A write to one slot of a dynptr destroys it, and every slice of it; referenced ones may not be lost."""
    if state.stack[spi].slot_type[0] != t.STACK_DYNPTR:
        return
    if not state.stack[spi].spilled_ptr.first_slot:
        spi += 1
    first = state.stack[spi].spilled_ptr
    if dynptr_type_refcounted(first.dynptr_type):
        env.reject(EINVAL, "cannot overwrite referenced dynptr\n", spi=spi)
    env.mark_stack_slot_scratched(spi)
    env.mark_stack_slot_scratched(spi - 1)
    invalidate_dynptr_slices(env, first.id)
    clear_dynptr_slots(state, spi)


def invalidate_dynptr_slices(env: VerifierEnv, dynptr_id: int) -> None:
    """Pointers into the memory of a destroyed dynptr become numbers (unreadable for the unprivileged)."""
    slices = (t.PTR_TO_MEM, t.PTR_TO_MEM | t.PTR_MAYBE_NULL)
    gone = unknown_scalar() if env.allow_ptr_leaks else NOT_INIT_REG
    for frame in env.cur_state.frame:
        for i, reg in enumerate(frame.regs):
            if reg.type in slices and reg.dynptr_id == dynptr_id:
                frame.regs[i] = gone
        for i, slot in enumerate(frame.stack):
            reg = slot.spilled_ptr
            if slot.is_spill() and reg.type in slices and reg.dynptr_id == dynptr_id:
                frame.stack[i] = StackSlot(slot.slot_type, gone)
