"""Dynptrs on the stack, which take two slots (mark_stack_slots_dynptr and related functions)."""

from __future__ import annotations

from typing import Final

from vm.isa.opcodes import MAX_BPF_REG
from vm.kernel.errno import EINVAL, ERANGE
from vm.verifier.domain.scalar import s64
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.slots import ALL_DYNPTR
from vm.verifier.rules.lifetime import DYNPTR_OVERWRITTEN
from vm.verifier.rules.notes import STACK_OBJECT_OFFSET, STACK_OBJECT_VARIABLE_OFFSET
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import ALL_INVALID, FuncState, StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, RegState, pointer, unknown_scalar
from vm.verifier.state.vstate import replace_regs

BPF_DYNPTR_NR_SLOTS: Final = 2


def dynptr_type_refcounted(dynptr_type: int) -> bool:
    """Whether the dynptr must be submitted or discarded before the program ends."""
    return dynptr_type == t.BPF_DYNPTR_TYPE_RINGBUF


def clear_dynptr_slots(state: FuncState, spi: int) -> None:
    """Invalidates both slots, and marks them as written."""
    for i in (spi, spi - 1):
        state.stack[i] = StackSlot(ALL_INVALID, NOT_INIT_REG)
        state.live.marks[MAX_BPF_REG + i] |= t.REG_LIVE_WRITTEN


def destroy_if_dynptr_stack_slot(env: VerifierEnv, state: FuncState, spi: int) -> None:
    """destroy_if_dynptr_stack_slot(): a write destroys the dynptr and its slices; rejected if it is referenced."""
    if state.stack[spi].slot_type[0] != t.STACK_DYNPTR:
        return
    if not state.stack[spi].spilled_ptr.first_slot:
        spi += 1
    first = state.stack[spi].spilled_ptr
    if dynptr_type_refcounted(first.dynptr_type):
        env.reject(DYNPTR_OVERWRITTEN, spi=spi, frame=state.frameno)
    env.mark_stack_slot_scratched(spi)
    env.mark_stack_slot_scratched(spi - 1)
    invalidate_dynptr_slices(env, first.id)
    clear_dynptr_slots(state, spi)


def invalidate_dynptr_slices(env: VerifierEnv, dynptr_id: int) -> None:
    """Pointers into the memory of a destroyed dynptr become numbers (unreadable for the unprivileged)."""
    slices = (t.PTR_TO_MEM, t.PTR_TO_MEM | t.PTR_MAYBE_NULL)
    gone = unknown_scalar() if env.allow_ptr_leaks else NOT_INIT_REG
    replace_regs(env.cur_state, lambda reg: reg.type in slices and reg.dynptr_id == dynptr_id, lambda _: gone)


def stack_slot_obj_get_spi(env: VerifierEnv, reg: RegState, kind: str, nr_slots: int) -> int:
    """First slot of the object a stack pointer leads to, -ERANGE past the stack used so far.

    A message about a place that cannot hold an object is followed by the caller's rejection with -EINVAL.
    """
    tnum = reg.scalar.var_off
    if tnum.mask:
        env.note(STACK_OBJECT_VARIABLE_OFFSET, object=kind)
        return -EINVAL
    off = reg.off + s64(tnum.value)
    # C's division cuts towards zero: fp+0 counts as the first slot (__get_spi).
    spi = (-off - 1) // 8 if off else 0
    if off % 8 or spi + 1 < nr_slots:
        env.note(STACK_OBJECT_OFFSET, object=kind, off=off)
        return -EINVAL
    state = env.func(reg)
    if spi - nr_slots + 1 < 0 or spi >= len(state.stack):
        return -ERANGE
    return spi


def dynptr_get_spi(env: VerifierEnv, reg: RegState) -> int:
    """First slot of the dynptr that a stack pointer points to; errors as stack_slot_obj_get_spi()."""
    return stack_slot_obj_get_spi(env, reg, "dynptr", BPF_DYNPTR_NR_SLOTS)


def dynptr_reg(dynptr_type: int, first_slot: bool, dynptr_id: int) -> RegState:
    """__mark_dynptr_reg(): the value of a slot, or of a callback's pointer to a dynptr."""
    reg = pointer(t.CONST_PTR_TO_DYNPTR)
    reg.id = dynptr_id
    reg.dynptr_type = dynptr_type
    reg.first_slot = first_slot
    # In the kernel these fields are in a union, which is visible in its log.
    reg.dynptr_id = int(first_slot)
    return reg


def set_dynptr_slots(env: VerifierEnv, state: FuncState, spi: int, dynptr_type: int, ref_obj_id: int) -> None:
    """Stores a new dynptr in slots spi and spi - 1."""
    dynptr_id = env.new_id()
    for i, first in ((spi, True), (spi - 1, False)):
        reg = dynptr_reg(dynptr_type, first, dynptr_id)
        reg.ref_obj_id = ref_obj_id
        state.stack[i] = StackSlot(ALL_DYNPTR, reg)
        state.live.marks[MAX_BPF_REG + i] |= t.REG_LIVE_WRITTEN
