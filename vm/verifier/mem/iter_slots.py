"""Iterators on the stack: initialised by _new, advanced by _next, released by _destroy."""

from __future__ import annotations

from vm.btf.types import Btf
from vm.isa.opcodes import MAX_BPF_REG
from vm.kernel.errno import EINVAL, EPROTO, ERANGE
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.dynptr_slots import stack_slot_obj_get_spi
from vm.verifier.mem.slots import ALL_ITER
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import ALL_INVALID, StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, RegState, pointer


def iter_get_spi(env: VerifierEnv, reg: RegState, nr_slots: int) -> int:
    """First slot of the iterator that a stack pointer points to, or a negative errno."""
    return stack_slot_obj_get_spi(env, reg, "iter", nr_slots)


def is_valid_uninit(env: VerifierEnv, reg: RegState, nr_slots: int) -> bool:
    """Whether an iterator can be initialised here; existing ones are not overwritten."""
    spi = iter_get_spi(env, reg, nr_slots)
    if spi < 0:
        return spi == -ERANGE
    stack = env.func(reg).stack
    return not any(t.STACK_ITER in stack[spi - i].slot_type for i in range(nr_slots))


def check_init(env: VerifierEnv, reg: RegState, btf: Btf, btf_id: int, nr_slots: int) -> int:
    """is_iter_reg_valid_init(): 0 for an iterator of that type, -EPROTO if its RCU region has ended."""
    spi = iter_get_spi(env, reg, nr_slots)
    if spi < 0:
        return -EINVAL
    stack = env.func(reg).stack
    for i in range(nr_slots):
        slot = stack[spi - i]
        held = slot.spilled_ptr
        if held.type & t.PTR_UNTRUSTED:
            return -EPROTO
        if (i == 0) != (held.ref_obj_id != 0):
            return -EINVAL
        if held.btf is not btf or held.btf_id != btf_id or slot.slot_type != ALL_ITER:
            return -EINVAL
    return 0


def mark_slots(env: VerifierEnv, reg: RegState, btf: Btf, btf_id: int, nr_slots: int, flag: int, ref_id: int) -> None:
    """mark_stack_slots_iter(): stores a new iterator. `flag`: the trust flag of its elements."""
    state = env.func(reg)
    spi = iter_get_spi(env, reg, nr_slots)
    for i in range(nr_slots):
        held = pointer(t.PTR_TO_STACK | flag)
        held.ref_obj_id = ref_id if i == 0 else 0
        held.btf = btf
        held.btf_id = btf_id
        held.iter_state = t.BPF_ITER_STATE_ACTIVE
        state.stack[spi - i] = StackSlot(ALL_ITER, held)
        state.live.marks[MAX_BPF_REG + spi - i] |= t.REG_LIVE_WRITTEN
        env.mark_stack_slot_scratched(spi - i)


def clear_slots(env: VerifierEnv, reg: RegState, spi: int, nr_slots: int) -> None:
    """unmark_stack_slots_iter(): invalidates the slots of an iterator."""
    state = env.func(reg)
    for i in range(nr_slots):
        state.stack[spi - i] = StackSlot(ALL_INVALID, NOT_INIT_REG)
        state.live.marks[MAX_BPF_REG + spi - i] |= t.REG_LIVE_WRITTEN
        env.mark_stack_slot_scratched(spi - i)
