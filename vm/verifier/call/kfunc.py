"""Calls of kernel functions by BTF id (check_kfunc_call)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.btf.types import Kind
from vm.caps import ROOT
from vm.isa.insn import Insn
from vm.kernel import kfuncs as kf
from vm.verifier.call.callback import push_callback_call, timer_callback
from vm.verifier.call.kfunc_args import check_kfunc_args
from vm.verifier.call.kfunc_graph import in_rbtree_lock_required_cb, rbtree_add_callback
from vm.verifier.call.kfunc_iter import process_iter_next_call
from vm.verifier.call.kfunc_returns import note_struct_meta, set_return
from vm.verifier.call.refs import release_reference
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.objects import convert_owning_non_owning
from vm.verifier.prepass.kfunc_meta import GRAPH_API, LIST_PUSH, KfuncMeta, fetch_kfunc_meta, kfunc_name
from vm.verifier.prune.liveness import CALLER_SAVED_REGS, mark_read
from vm.verifier.rules.context import (
    CALL_UNDER_LOCK,
    KFUNC_SLEEPABLE_IN_PROGRAM,
    KFUNC_SLEEPABLE_IN_RCU,
    KFUNC_SLEEPABLE_WITHOUT_PREEMPTION,
    PREEMPT_ENABLE_UNMATCHED,
    RCU_IN_RBTREE_CALLBACK,
    RCU_NESTED,
    RCU_UNLOCK_UNMATCHED,
)
from vm.verifier.rules.lifetime import KFUNC_REFERENCE_NOT_ACQUIRED
from vm.verifier.rules.policy import KFUNC_DESTRUCTIVE, KFUNC_NOT_ALLOWED
from vm.verifier.rules.structure import CALL_RESERVED_FIELDS
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, RegState

CheckReturnCode = Callable[[VerifierEnv, int, str], None]

_INSERTS: Final = LIST_PUSH | {"bpf_rbtree_add_impl"}


def _end_rcu(env: VerifierEnv) -> None:
    """Pointers that were valid only in the RCU region become untrusted."""

    def ended(reg: RegState) -> RegState:
        if not reg.type & t.MEM_RCU:
            return reg
        r = reg.clone()
        r.type = reg.type & ~(t.MEM_RCU | t.PTR_MAYBE_NULL) | t.PTR_UNTRUSTED
        return r

    for frame in env.cur_state.frame:
        frame.regs[:] = [ended(reg) for reg in frame.regs]
        for i, slot in enumerate(frame.stack):
            if slot.slot_type[7] in (t.STACK_SPILL, t.STACK_ITER):
                held = ended(slot.spilled_ptr)
                if held is not slot.spilled_ptr:
                    frame.stack[i] = StackSlot(slot.slot_type, held)


def _check_rcu(env: VerifierEnv, meta: KfuncMeta) -> None:
    cur = env.cur_state
    lock = meta.name == "bpf_rcu_read_lock"
    unlock = meta.name == "bpf_rcu_read_unlock"
    if not cur.active_rcu_lock:
        if lock:
            cur.active_rcu_lock = True
        elif unlock:
            env.reject(RCU_UNLOCK_UNMATCHED, kfunc=meta.name)
        return
    if (lock or unlock) and in_rbtree_lock_required_cb(env):
        env.reject(RCU_IN_RBTREE_CALLBACK)
    if lock:
        env.reject(RCU_NESTED, kfunc=meta.name, held=("rcu",))
    if unlock:
        _end_rcu(env)
        cur.active_rcu_lock = False
    elif meta.sleepable:
        env.reject(KFUNC_SLEEPABLE_IN_RCU, kfunc=meta.name, held=("rcu",))


def _check_preempt(env: VerifierEnv, meta: KfuncMeta) -> None:
    cur = env.cur_state
    if meta.name == "bpf_preempt_disable":
        cur.active_preempt_lock += 1
    elif meta.name == "bpf_preempt_enable":
        if not cur.active_preempt_lock:
            env.reject(PREEMPT_ENABLE_UNMATCHED, kfunc=meta.name)
        cur.active_preempt_lock -= 1
    elif cur.active_preempt_lock and meta.sleepable:
        env.reject(KFUNC_SLEEPABLE_WITHOUT_PREEMPTION, kfunc=meta.name, held=("preempt",))


def _insert(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> None:
    """The object is added to a list or tree; the program keeps a non-owning reference."""
    node = env.cur_state.frame[-1].regs[2]
    env.aux[insn_idx].insert_off = node.off
    note_struct_meta(env, meta, insn_idx)
    convert_owning_non_owning(env, node.ref_obj_id)
    if not release_reference(env, node.ref_obj_id):
        env.reject(KFUNC_REFERENCE_NOT_ACQUIRED, kfunc=meta.name, func_id=meta.func_id)


def _permitted(env: VerifierEnv, insn: Insn) -> KfuncMeta:
    meta = fetch_kfunc_meta(env, insn)
    if meta is None:
        env.reject(KFUNC_NOT_ALLOWED, func=kfunc_name(insn))
    aux = env.aux[env.insn_idx]
    aux.sym = meta.name
    aux.is_iter_next = meta.flags & kf.KF_ITER_NEXT != 0
    if meta.has(kf.KF_DESTRUCTIVE) and env.caps != ROOT:
        # No other capability implies CAP_SYS_BOOT; root has it.
        env.reject(KFUNC_DESTRUCTIVE)
    if meta.sleepable and not (env.sleepable or env.cur_state.in_sleepable):
        env.reject(KFUNC_SLEEPABLE_IN_PROGRAM, kfunc=meta.name)
    return meta


def _callbacks(env: VerifierEnv, insn: Insn, meta: KfuncMeta) -> None:
    if meta.name == "bpf_rbtree_add_impl":
        push_callback_call(env, insn, env.insn_idx, meta.subprogno, rbtree_add_callback)
    elif meta.name == "bpf_wq_set_callback_impl":
        push_callback_call(env, insn, env.insn_idx, meta.subprogno, timer_callback, in_sleepable=True)


def check_call(env: VerifierEnv, insn: Insn, check_return_code: CheckReturnCode) -> bool:
    """True if the call ends the program by an exception (bpf_throw), whose argument is the return value then."""
    if insn.dst_reg:
        env.reject(CALL_RESERVED_FIELDS)
    if env.cur_state.active_lock.ptr and (insn.off or kfunc_name(insn) not in GRAPH_API):
        env.reject(CALL_UNDER_LOCK, held=("lock",))
    throws = False
    if insn.imm:
        throws = _check_kfunc_call(env, insn, check_return_code)
    env.mark_reg_scratched(0)
    if not throws:
        env.insn_idx += 1
    return throws


def _check_kfunc_call(env: VerifierEnv, insn: Insn, check_return_code: CheckReturnCode) -> bool:
    insn_idx = env.insn_idx
    meta = _permitted(env, insn)
    check_kfunc_args(env, meta, insn_idx)
    _callbacks(env, insn, meta)
    if meta.name == "bpf_session_cookie":
        meta.r0_size = 8
        meta.r0_rdonly = False
    _check_rcu(env, meta)
    _check_preempt(env, meta)
    frame = env.cur_state.frame[-1]
    if meta.release_regno and not release_reference(env, frame.regs[meta.release_regno].ref_obj_id):
        env.reject(KFUNC_REFERENCE_NOT_ACQUIRED, kfunc=meta.name, func_id=meta.func_id)
    if meta.name in _INSERTS:
        _insert(env, meta, insn_idx)
    throws = meta.name == "bpf_throw"
    if throws:
        env.seen_exception = True
        if not env.exception_callback_subprog:
            # Without an exception callback, the thrown value is the program's return value.
            check_return_code(env, 1, "R1")
    for regno in range(CALLER_SAVED_REGS):
        frame.regs[regno] = NOT_INIT_REG
    set_return(env, meta, insn_idx)
    for regno, param in enumerate(meta.proto.params, 1):
        found = meta.btf.skip_modifiers(param.type_id)
        wide = found.kind is Kind.PTR or found.size == 8
        mark_read(env, frame.live, regno, t.REG_LIVE_READ64 if wide else t.REG_LIVE_READ32)
    if meta.flags & kf.KF_ITER_NEXT:
        process_iter_next_call(env, insn_idx, meta)
    return throws
