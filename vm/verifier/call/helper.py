"""Helper calls: permission, arguments, and the state after the call (check_helper_call)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.isa import opcodes as op
from vm.isa.insn import Insn
from vm.kernel import func_ids as f
from vm.kernel import types as k
from vm.kernel.func_ids import MAX_BPF_FUNC
from vm.kernel.helper_facts import FuncProto
from vm.verifier.call import callback
from vm.verifier.call.args import check_func_arg
from vm.verifier.call.conditions import is_allowed
from vm.verifier.call.dynptr import dynptr_arg_reg, dynptr_state, unmark_stack_slots_dynptr
from vm.verifier.call.format import is_valid_format
from vm.verifier.call.kptr import release_into_kptr
from vm.verifier.call.leaving import check_reference_leak
from vm.verifier.call.map_compat import check_map_func_compatibility
from vm.verifier.call.meta import CallMeta
from vm.verifier.call.names import func_text
from vm.verifier.call.record_func import record_func_key, record_func_map
from vm.verifier.call.refs import clear_all_pkt_pointers, release_reference
from vm.verifier.call.returns import set_return
from vm.verifier.call.special import const_string
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.mem.access import check_mem_access
from vm.verifier.mem.common import BPF_WRITE, register_is_null
from vm.verifier.prepass.classify import helper_changes_pkt_data
from vm.verifier.prepass.protos import get_helper_proto
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.prune.liveness import clear_caller_saved_regs
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.context import (
    HELPER_MIGHT_SLEEP,
    HELPER_SLEEPABLE_IN_REGION,
    TAIL_CALL_IN_RCU,
    TAIL_CALL_UNDER_LOCK,
    TAIL_CALL_WITHOUT_PREEMPTION,
)
from vm.verifier.rules.helper_args import DYNPTR_DATA_TYPE, FORMAT_DATA_LENGTH, FORMAT_STRING, LOCAL_STORAGE_FLAGS
from vm.verifier.rules.internal import REFERENCE_SET_TWICE
from vm.verifier.rules.lifetime import HELPER_REFERENCE_NOT_ACQUIRED, TAIL_CALL_LEAK
from vm.verifier.rules.policy import (
    HELPER_GPL_ONLY,
    HELPER_NOT_ALLOWED_IN_PROBE,
    HELPER_NOT_FOR_ATTACH_TYPE,
    HELPER_NOT_FOR_PROGRAM_TYPE,
    HELPER_ONLY_FOR_TRAMPOLINES,
    HELPER_UNKNOWN,
)
from vm.verifier.state import reg_types as t

_STORAGE_GET: Final = frozenset({f.SK_STORAGE_GET, f.INODE_STORAGE_GET, f.TASK_STORAGE_GET, f.CGRP_STORAGE_GET})


def in_sleepable(env: VerifierEnv) -> bool:
    """Whether the program may sleep here."""
    return env.sleepable or env.cur_state.in_sleepable


def _find_proto(env: VerifierEnv, func_id: int) -> FuncProto:
    if not 0 <= func_id < MAX_BPF_FUNC:
        env.reject(HELPER_UNKNOWN, func=func_text(func_id))
    fn = env.helper_protos.get(func_id) or get_helper_proto(env, func_id)
    if fn is None:
        env.reject(HELPER_NOT_FOR_PROGRAM_TYPE, func=func_text(func_id))
    env.helper_protos[func_id] = fn
    if not env.program.gpl_compatible and fn.gpl_only:
        env.reject(HELPER_GPL_ONLY)
    if fn.allowed and not is_allowed(env, fn.allowed):
        env.reject(HELPER_NOT_ALLOWED_IN_PROBE)
    if fn.might_sleep and not in_sleepable(env):
        env.reject(HELPER_MIGHT_SLEEP)
    return fn


def _check_regions(env: VerifierEnv, fn: FuncProto, func_id: int, insn_idx: int) -> None:
    cur = env.cur_state
    if not cur.active_rcu_lock and not cur.active_preempt_lock:
        return
    for inside, where in (
        (cur.active_rcu_lock, "rcu_read_lock region"),
        (cur.active_preempt_lock, "non-preemptible region"),
    ):
        if not inside:
            continue
        if fn.might_sleep:
            env.reject(HELPER_SLEEPABLE_IN_REGION, func=func_text(func_id), where=where)
        if in_sleepable(env) and func_id in _STORAGE_GET:
            env.aux[insn_idx].storage_get_func_atomic = True


def _release(env: VerifierEnv, fn: FuncProto, meta: CallMeta) -> None:
    """Releases the reference of an argument."""
    regno = meta.release_regno
    reg = env.cur_state.frame[-1].regs[regno]
    if fn.arg_types[regno - 1] & t.BPF_BASE_TYPE_MASK == k.ARG_PTR_TO_DYNPTR:
        released = unmark_stack_slots_dynptr(env, reg)
    elif meta.func_id == f.KPTR_XCHG and meta.ref_obj_id:
        released = release_into_kptr(env, meta.ref_obj_id)
    elif meta.ref_obj_id:
        released = release_reference(env, meta.ref_obj_id)
    else:
        released = register_is_null(reg)
    if not released:
        env.reject(HELPER_REFERENCE_NOT_ACQUIRED, regno, func=func_text(meta.func_id))


_Special = Callable[[VerifierEnv, Insn, FuncProto, CallMeta], None]


def _tail_call(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    cur = env.cur_state
    if cur.active_lock.ptr:
        env.reject(TAIL_CALL_UNDER_LOCK, held=("lock",))
    try:
        check_reference_leak(env, False)
    except Reject as e:
        env.reject(TAIL_CALL_LEAK, held=e.held, ref_id=e.ref_id, because=e)
    if cur.active_rcu_lock:
        env.reject(TAIL_CALL_IN_RCU, held=("rcu",))
    if cur.active_preempt_lock:
        env.reject(TAIL_CALL_WITHOUT_PREEMPTION, held=("preempt",))


def _get_local_storage(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    if not register_is_null(env.cur_state.frame[-1].regs[2]):
        env.reject(LOCAL_STORAGE_FLAGS, 2)
    mark_chain_precision(env, 2, "flags_argument")


def _for_each_map_elem(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    callback.push_callback_call(env, insn, env.insn_idx, meta.subprogno, callback.map_elem_callback(meta.spec))


def _timer_set_callback(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    callback.push_callback_call(env, insn, env.insn_idx, meta.subprogno, callback.timer_callback)


def _find_vma(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    callback.push_callback_call(env, insn, env.insn_idx, meta.subprogno, callback.find_vma_callback)


def _user_ringbuf_drain(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    callback.push_callback_call(env, insn, env.insn_idx, meta.subprogno, callback.user_ringbuf_callback)


def _snprintf(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    data_len = env.cur_state.frame[-1].regs[5].scalar.var_off.value
    if data_len % 8:
        env.reject(FORMAT_DATA_LENGTH, 5)
    if not is_valid_format(const_string(env, 3), data_len // 8):
        env.reject(FORMAT_STRING, 3)


def _loop_flag_is_zero(env: VerifierEnv) -> bool:
    if not register_is_null(env.cur_state.frame[-1].regs[4]):
        return False
    mark_chain_precision(env, 4, "flags_argument")
    return True


def _update_loop_inline_state(env: VerifierEnv, subprogno: int) -> None:
    """Whether bpf_loop() can be inlined: only if it always calls the same function, without flags."""
    aux = env.aux[env.insn_idx]
    if not aux.loop_initialized:
        aux.loop_initialized = True
        aux.loop_fit_for_inline = _loop_flag_is_zero(env)
        aux.loop_callback_subprogno = subprogno
    elif aux.loop_fit_for_inline:
        aux.loop_fit_for_inline = _loop_flag_is_zero(env) and aux.loop_callback_subprogno == subprogno


def _loop(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    _update_loop_inline_state(env, meta.subprogno)
    mark_chain_precision(env, 1, "loop_count")
    frame = env.cur_state.frame[-1]
    if frame.callback_depth < frame.regs[1].scalar.umax:
        callback.push_callback_call(env, insn, env.insn_idx, meta.subprogno, callback.loop_callback)
    else:
        frame.callback_depth = 0
        if env.log.level & 2:
            env.verbose(f"frame{env.cur_state.curframe} bpf_loop iteration limit reached\n")


def _dynptr_from_mem(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    reg = env.cur_state.frame[-1].regs[1]
    if reg.type != t.PTR_TO_MAP_VALUE:
        env.reject(DYNPTR_DATA_TYPE, 1, type=reg_type_str(reg.type))


def _dynptr_data(env: VerifierEnv, insn: Insn, fn: FuncProto, meta: CallMeta) -> None:
    if meta.ref_obj_id:
        env.reject(REFERENCE_SET_TWICE)
    held = dynptr_state(env, dynptr_arg_reg(env, fn))
    meta.dynptr_id = held.id
    meta.ref_obj_id = held.ref_obj_id


_SPECIAL: Final[dict[int, _Special]] = {
    f.TAIL_CALL: _tail_call,
    f.GET_LOCAL_STORAGE: _get_local_storage,
    f.FOR_EACH_MAP_ELEM: _for_each_map_elem,
    f.TIMER_SET_CALLBACK: _timer_set_callback,
    f.FIND_VMA: _find_vma,
    f.USER_RINGBUF_DRAIN: _user_ringbuf_drain,
    f.SNPRINTF: _snprintf,
    f.LOOP: _loop,
    f.DYNPTR_FROM_MEM: _dynptr_from_mem,
    f.DYNPTR_DATA: _dynptr_data,
}


def _changes_packet(env: VerifierEnv, fn: FuncProto, func_id: int) -> bool:
    if func_id == f.DYNPTR_WRITE:
        return dynptr_state(env, dynptr_arg_reg(env, fn)).dynptr_type == t.BPF_DYNPTR_TYPE_SKB
    return helper_changes_pkt_data(func_id)


_TRAMPOLINES: Final = frozenset({k.BPF_TRACE_FENTRY, k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN})


def _check_get_func_ip(env: VerifierEnv) -> None:
    prog_type = env.program.prog_type
    if prog_type == k.BPF_PROG_TYPE_TRACING:
        if env.program.expected_attach_type not in _TRAMPOLINES:
            name = func_text(f.GET_FUNC_IP)
            env.reject(HELPER_ONLY_FOR_TRAMPOLINES, func=name)
    elif prog_type != k.BPF_PROG_TYPE_KPROBE:
        name = func_text(f.GET_FUNC_IP)
        env.reject(HELPER_NOT_FOR_ATTACH_TYPE, func=name, prog_type=prog_type)


def check_helper_call(env: VerifierEnv, insn: Insn) -> None:
    """check_helper_call(): checks all arguments, then updates the state."""
    func_id = insn.imm
    insn_idx = env.insn_idx
    fn = _find_proto(env, func_id)
    _check_regions(env, fn, func_id, insn_idx)
    meta = CallMeta(func_id, fn.pkt_access)
    for i in range(5):
        check_func_arg(env, i, meta, fn, insn_idx)
    record_func_map(env, meta, insn_idx)
    record_func_key(env, meta, insn_idx)
    for i in range(meta.access_size):
        check_mem_access(env, insn_idx, meta.regno, i, op.B, BPF_WRITE, -1)
    if meta.release_regno:
        _release(env, fn, meta)
    special = _SPECIAL.get(func_id)
    if special is not None:
        special(env, insn, fn, meta)
    changes_packet = _changes_packet(env, fn, func_id)
    clear_caller_saved_regs(env, env.cur_state.frame[-1])
    set_return(env, fn, meta, insn_idx)
    check_map_func_compatibility(env, meta.spec, func_id)
    if func_id == f.GET_FUNC_IP:
        _check_get_func_ip(env)
    if changes_packet:
        clear_all_pkt_pointers(env)
