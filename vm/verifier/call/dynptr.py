"""Dynptr arguments: initialisation, use and release (process_dynptr_func)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as op
from vm.kernel import types as k
from vm.kernel.errno import ERANGE
from vm.kernel.helper_facts import FuncProto
from vm.verifier.call.refs import acquire_reference_state, release_reference
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.access import check_mem_access
from vm.verifier.mem.common import BPF_WRITE
from vm.verifier.mem.dynptr_slots import (
    clear_dynptr_slots,
    destroy_if_dynptr_stack_slot,
    dynptr_get_spi,
    dynptr_type_refcounted,
    set_dynptr_slots,
)
from vm.verifier.prune.liveness import mark_stack_slot_read
from vm.verifier.report.state_text import dynptr_type_str
from vm.verifier.rules.internal import DYNPTR_REFERENCE_MISCONFIGURED, NO_DYNPTR_ARGUMENT
from vm.verifier.rules.lifetime import (
    DYNPTR_ARGUMENT_NOT_ON_STACK,
    DYNPTR_CONST_PASSED_TO_MUTATOR,
    DYNPTR_NOT_INITIALIZED,
    DYNPTR_NOT_UNINITIALIZED,
    DYNPTR_PLACE,
    DYNPTR_TYPE,
    DYNPTR_TYPE_UNSUPPORTED,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

BPF_DYNPTR_SIZE: Final = 16

_TYPE_OF_FLAG: Final = {
    t.DYNPTR_TYPE_LOCAL: t.BPF_DYNPTR_TYPE_LOCAL,
    t.DYNPTR_TYPE_RINGBUF: t.BPF_DYNPTR_TYPE_RINGBUF,
    t.DYNPTR_TYPE_SKB: t.BPF_DYNPTR_TYPE_SKB,
    t.DYNPTR_TYPE_XDP: t.BPF_DYNPTR_TYPE_XDP,
}


def arg_to_dynptr_type(arg_type: int) -> int:
    """The kind of dynptr that an argument type requires, BPF_DYNPTR_TYPE_INVALID for any."""
    return _TYPE_OF_FLAG.get(arg_type & t.DYNPTR_TYPE_FLAG_MASK, t.BPF_DYNPTR_TYPE_INVALID)


def dynptr_state(env: VerifierEnv, reg: RegState) -> RegState:
    """The state of the dynptr that the register points to."""
    if reg.type == t.CONST_PTR_TO_DYNPTR:
        return reg
    return env.func(reg).stack[dynptr_get_spi(env, reg)].spilled_ptr


def dynptr_arg_reg(env: VerifierEnv, fn: FuncProto) -> RegState:
    """The register with the call's one dynptr argument."""
    regnos = [1 + i for i, x in enumerate(fn.arg_types) if x & t.BPF_BASE_TYPE_MASK == k.ARG_PTR_TO_DYNPTR]
    if len(regnos) != 1:
        env.reject(NO_DYNPTR_ARGUMENT)
    return env.cur_state.frame[-1].regs[regnos[0]]


def _is_valid_init(env: VerifierEnv, reg: RegState) -> bool:
    if reg.type == t.CONST_PTR_TO_DYNPTR:
        return True
    spi = dynptr_get_spi(env, reg)
    if spi < 0:
        return False
    stack = env.func(reg).stack
    if not stack[spi].spilled_ptr.first_slot:
        return False
    return all(x == t.STACK_DYNPTR for i in (spi, spi - 1) for x in stack[i].slot_type)


def _is_type_expected(env: VerifierEnv, reg: RegState, arg_type: int) -> bool:
    if arg_type == k.ARG_PTR_TO_DYNPTR:
        return True
    return dynptr_state(env, reg).dynptr_type == arg_to_dynptr_type(arg_type)


def _construct(env: VerifierEnv, regno: int, insn_idx: int, arg_type: int, clone_ref_obj_id: int) -> None:
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type == t.CONST_PTR_TO_DYNPTR or dynptr_get_spi(env, reg) not in _POSSIBLE:
        env.reject(DYNPTR_NOT_UNINITIALIZED, regno)
    for i in range(0, BPF_DYNPTR_SIZE, 8):
        check_mem_access(env, insn_idx, regno, i, op.DW, BPF_WRITE, -1)
    state = env.func(reg)
    spi = dynptr_get_spi(env, reg)
    if spi < 0:
        env.reject(DYNPTR_PLACE, regno, errno=-spi)
    destroy_if_dynptr_stack_slot(env, state, spi)
    destroy_if_dynptr_stack_slot(env, state, spi - 1)
    dynptr_type = arg_to_dynptr_type(arg_type)
    if dynptr_type == t.BPF_DYNPTR_TYPE_INVALID:
        env.reject(DYNPTR_TYPE_UNSUPPORTED, regno)
    set_dynptr_slots(env, state, spi, dynptr_type, 0)
    if dynptr_type_refcounted(dynptr_type):
        ref_id = clone_ref_obj_id or acquire_reference_state(env, insn_idx)
        for i in (spi, spi - 1):
            held = state.stack[i].spilled_ptr.clone()
            held.ref_obj_id = ref_id
            state.stack[i] = StackSlot(state.stack[i].slot_type, held)


# A dynptr can be stored in any stack slots, also beyond the current depth (-ERANGE).
_POSSIBLE: Final = frozenset({*range(64), -ERANGE})


def process_dynptr_func(env: VerifierEnv, regno: int, insn_idx: int, arg_type: int, clone_ref_obj_id: int = 0) -> None:
    """An argument that is a dynptr: MEM_UNINIT constructs it, MEM_RDONLY leaves it as it is, else it may change."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type not in (t.PTR_TO_STACK, t.CONST_PTR_TO_DYNPTR):
        env.reject(DYNPTR_ARGUMENT_NOT_ON_STACK, regno, arg=regno - 1)
    if arg_type & t.MEM_UNINIT:
        _construct(env, regno, insn_idx, arg_type, clone_ref_obj_id)
        return
    if reg.type == t.CONST_PTR_TO_DYNPTR and not arg_type & t.MEM_RDONLY:
        env.reject(DYNPTR_CONST_PASSED_TO_MUTATOR, regno)
    if not _is_valid_init(env, reg):
        env.reject(DYNPTR_NOT_INITIALIZED, regno, arg=regno - 1)
    if not _is_type_expected(env, reg, arg_type & ~t.MEM_RDONLY):
        kind = dynptr_type_str(arg_to_dynptr_type(arg_type))
        env.reject(DYNPTR_TYPE, regno, kind=kind, arg=regno - 1)
    if reg.type == t.CONST_PTR_TO_DYNPTR:
        return
    spi = dynptr_get_spi(env, reg)
    frame = env.func(reg)
    mark_stack_slot_read(env, frame, spi)
    mark_stack_slot_read(env, frame, spi - 1)


def unmark_stack_slots_dynptr(env: VerifierEnv, reg: RegState) -> bool:
    """Release a dynptr, its clones and all slices of them; false if it held no reference."""
    state = env.func(reg)
    spi = dynptr_get_spi(env, reg)
    if spi < 0:
        return False
    held = state.stack[spi].spilled_ptr
    if not dynptr_type_refcounted(held.dynptr_type):
        clear_dynptr_slots(state, spi)
        return True
    ref_obj_id = held.ref_obj_id
    release_reference(env, ref_obj_id)
    for i in range(1, len(state.stack)):
        slot = state.stack[i]
        if slot.spilled_ptr.ref_obj_id != ref_obj_id:
            continue
        if slot.slot_type[0] != t.STACK_DYNPTR:
            env.reject(DYNPTR_REFERENCE_MISCONFIGURED, spi=i)
        if slot.spilled_ptr.first_slot:
            clear_dynptr_slots(state, i)
    return True
