"""Iterator arguments, and the two paths after a call of _next (process_iter_arg, process_iter_next_call)."""

from __future__ import annotations

from vm.btf.types import Kind
from vm.isa import opcodes as op
from vm.kernel import kfuncs as kf
from vm.kernel.errno import EPROTO
from vm.verifier.call.refs import acquire_reference_state, release_reference
from vm.verifier.env import VerifierEnv
from vm.verifier.mem import iter_slots
from vm.verifier.mem.access import check_mem_access
from vm.verifier.mem.btf_ptr import in_rcu_cs
from vm.verifier.mem.common import BPF_WRITE
from vm.verifier.mem.nullness import not_null
from vm.verifier.prepass.kfunc_meta import KfuncMeta
from vm.verifier.prune.explored import find_prev_entry, same_callsites, widen_imprecise_scalars
from vm.verifier.prune.liveness import mark_stack_slot_read
from vm.verifier.rules.context import ITERATOR_OUTSIDE_RCU
from vm.verifier.rules.internal import ITERATOR_PARENT_STATE, ITERATOR_STATE_UNEXPECTED
from vm.verifier.rules.lifetime import (
    ITERATOR_NOT_INITIALIZED,
    ITERATOR_NOT_ON_STACK,
    ITERATOR_NOT_UNINITIALIZED,
    ITERATOR_PLACE,
    ITERATOR_TYPE,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState, known_scalar
from vm.verifier.state.vstate import VerifierState

_PREFIX = "bpf_iter_"


def process_iter_arg(env: VerifierEnv, regno: int, insn_idx: int, meta: KfuncMeta) -> None:
    """Checks an iterator on the stack: uninitialised for _new, else initialised."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type != t.PTR_TO_STACK:
        env.reject(ITERATOR_NOT_ON_STACK, regno, arg=regno - 1)
    param = meta.btf.skip_modifiers(meta.proto.params[regno - 1].type_id)
    struct = meta.btf.skip_modifiers(param.type_id) if param.kind is Kind.PTR else None
    if struct is None or struct.kind is not Kind.STRUCT or not struct.name.startswith(_PREFIX):
        env.reject(ITERATOR_TYPE, regno, arg=regno - 1)
    nr_slots = struct.size // 8
    name = struct.name[len(_PREFIX) :]
    if meta.flags & kf.KF_ITER_NEW:
        if not iter_slots.is_valid_uninit(env, reg, nr_slots):
            env.reject(ITERATOR_NOT_UNINITIALIZED, regno, iterator=name, arg=regno - 1)
        for i in range(0, nr_slots * 8, 8):
            check_mem_access(env, insn_idx, regno, i, op.DW, BPF_WRITE, -1)
        spi = iter_slots.iter_get_spi(env, reg, nr_slots)
        if spi < 0:
            env.reject(ITERATOR_PLACE, regno, errno=-spi)
        ref_id = acquire_reference_state(env, insn_idx)
        flag = 0
        if meta.flags & kf.KF_RCU_PROTECTED:
            flag = t.MEM_RCU if in_rcu_cs(env) else t.PTR_UNTRUSTED
        iter_slots.mark_slots(env, reg, meta.btf, struct.id, nr_slots, flag, ref_id)
        return
    error = iter_slots.check_init(env, reg, meta.btf, struct.id, nr_slots)
    if error == -EPROTO:
        env.reject(ITERATOR_OUTSIDE_RCU, regno, kfunc=meta.name)
    if error:
        env.reject(ITERATOR_NOT_INITIALIZED, regno, iterator=name, arg=regno - 1)
    spi = iter_slots.iter_get_spi(env, reg, nr_slots)
    state = env.func(reg)
    for i in range(nr_slots):
        mark_stack_slot_read(env, state, spi - i)
        env.mark_stack_slot_scratched(spi - i)
    meta.iter_spi = spi
    meta.iter_frameno = reg.frameno
    meta.ref_obj_id = state.stack[spi].spilled_ptr.ref_obj_id
    if meta.flags & kf.KF_ITER_DESTROY:
        release_reference(env, meta.ref_obj_id)
        iter_slots.clear_slots(env, reg, spi, nr_slots)


def iter_of(state: VerifierState, meta: KfuncMeta) -> RegState:
    """get_iter_from_state()."""
    return state.frame[meta.iter_frameno].stack[meta.iter_spi].spilled_ptr


def _set_iter(state: VerifierState, meta: KfuncMeta, iter_state: int, deeper: int) -> None:
    stack = state.frame[meta.iter_frameno].stack
    slot = stack[meta.iter_spi]
    held = slot.spilled_ptr.clone()
    held.iter_state = iter_state
    held.iter_depth += deeper
    stack[meta.iter_spi] = StackSlot(slot.slot_type, held)


def process_iter_next_call(env: VerifierEnv, insn_idx: int, meta: KfuncMeta) -> None:
    """The current path continues with the iterator at its end; a path with one more element is pushed."""
    cur = env.cur_state
    held = iter_of(cur, meta)
    if held.iter_state == t.BPF_ITER_STATE_ACTIVE:
        parent = cur.parent
        if parent is None or parent.insn_idx != insn_idx or not same_callsites(parent, cur):
            env.reject(ITERATOR_PARENT_STATE)
        # The parent is the checkpoint of this call; the checkpoint of the previous iteration is needed.
        prev = find_prev_entry(env, parent, insn_idx)
        queued = env.push_stack(insn_idx + 1, insn_idx, False)
        _set_iter(queued, meta, t.BPF_ITER_STATE_ACTIVE, 1)
        if prev is not None:
            widen_imprecise_scalars(env, prev, queued)
        regs = queued.frame[-1].regs
        regs[0] = not_null(env, regs[0])
    elif held.iter_state != t.BPF_ITER_STATE_DRAINED:
        env.reject(ITERATOR_STATE_UNEXPECTED, state=held.iter_state)
    _set_iter(cur, meta, t.BPF_ITER_STATE_DRAINED, 0)
    regs = cur.frame[-1].regs
    drained = known_scalar(0)
    drained.precise = not env.bpf_capable
    regs[0] = drained
