"""Calls of functions of the program, and returns from them (check_func_call, prepare_func_exit)."""

from __future__ import annotations

from vm.isa.insn import Insn
from vm.verifier.call.callback import pass_reg
from vm.verifier.call.frames import setup_func_entry
from vm.verifier.call.func_args import check_subprog_call
from vm.verifier.call.leaving import reject_result, retval_range_within
from vm.verifier.call.refs import clear_all_pkt_pointers
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.prepass.subprogs import find_subprog
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.prune.explored import find_prev_entry, widen_imprecise_scalars
from vm.verifier.prune.liveness import clear_caller_saved_regs, mark_read, mark_reg_unknown
from vm.verifier.rules.context import GLOBAL_CALL_UNDER_LOCK, GLOBAL_CALL_WITHOUT_PREEMPTION
from vm.verifier.rules.functions import GLOBAL_FUNCTION_ARGUMENTS_INVALID, RETURN_VALUE_OUT_OF_RANGE
from vm.verifier.rules.internal import CALL_TARGET_WITHOUT_FUNCTION, CALLBACK_SITE_NOT_CALLING
from vm.verifier.rules.lifetime import STACK_POINTER_RETURNED
from vm.verifier.rules.register import CALLBACK_RESULT_NOT_SCALAR
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import FuncState


def _set_callee_state(env: VerifierEnv, caller: FuncState, callee: FuncState) -> None:
    for regno in range(1, 6):
        pass_reg(callee, regno, caller, regno)


def check_func_call(env: VerifierEnv, insn: Insn) -> None:
    """A call of a static function continues inside it; a global function is verified separately.

    Sets env.insn_idx to the instruction before the next one of the walk.
    """
    target = env.insn_idx + insn.imm + 1
    subprogno = find_subprog(env, target)
    if subprogno < 0:
        env.reject(CALL_TARGET_WITHOUT_FUNCTION, target=target)
    caller = env.cur_state.frame[-1]
    error = check_subprog_call(env, subprogno)
    if env.subprogs[subprogno].is_global:
        _call_global(env, subprogno, error)
        return
    setup_func_entry(env, subprogno, env.insn_idx, _set_callee_state, env.cur_state)
    clear_caller_saved_regs(env, caller)
    env.insn_idx = env.subprogs[subprogno].start - 1
    if env.log.level:
        env.verbose("caller:\n")
        env.print_verifier_state(caller, True)
        env.verbose("callee:\n")
        env.print_verifier_state(env.cur_state.frame[-1], True)


def _call_global(env: VerifierEnv, subprogno: int, error: Reject | None) -> None:
    sub = env.subprogs[subprogno]
    if env.cur_state.active_lock.ptr:
        env.reject(GLOBAL_CALL_UNDER_LOCK, held=("lock",))
    if env.cur_state.active_preempt_lock:
        env.reject(GLOBAL_CALL_WITHOUT_PREEMPTION, held=("preempt",))
    if error is not None:
        env.reject(
            GLOBAL_FUNCTION_ARGUMENTS_INVALID, error.regno, needed=error.needed, because=error, func=subprogno,
            name=sub.name,
        )  # fmt: skip
    env.verbose(f"Func#{subprogno} ('{sub.name}') is global and assumed valid.\n")
    if sub.changes_pkt_data:
        clear_all_pkt_pointers(env)
    sub.called = True
    caller = env.cur_state.frame[-1]
    clear_caller_saved_regs(env, caller)
    mark_reg_unknown(env, caller.regs, 0)


def _check_callback_return(env: VerifierEnv, callee: FuncState) -> None:
    r0 = callee.regs[0]
    if r0.type != t.SCALAR_VALUE:
        env.reject(CALLBACK_RESULT_NOT_SCALAR, 0)
    mark_read(env, callee.live, 0, t.REG_LIVE_READ64)
    mark_chain_precision(env, 0, "callback_result")
    if not retval_range_within(callee.callback_ret_range, r0):
        reject_result(env, RETURN_VALUE_OUT_OF_RANGE, 0, callee.callback_ret_range, "At callback return", "R0")
    if not env.aux[callee.callsite].calls_callback:
        env.reject(CALLBACK_SITE_NOT_CALLING, insn=env.insn_idx, callsite=callee.callsite)


def prepare_func_exit(env: VerifierEnv) -> None:
    """Returns to the caller with r0, or to the helper call, which may call the callback again."""
    state = env.cur_state
    callee = state.frame[-1]
    caller = state.frame[-2]
    if callee.regs[0].type == t.PTR_TO_STACK:
        env.reject(STACK_POINTER_RETURNED, 0)
    if callee.in_callback_fn:
        _check_callback_return(env, callee)
        env.insn_idx = callee.callsite
    else:
        pass_reg(caller, 0, callee, 0)
        caller.r0_exchanged = callee.r0_exchanged
        caller.refs = callee.refs
        env.insn_idx = callee.callsite + 1
    if env.log.level:
        env.verbose("returning from callee:\n")
        env.print_verifier_state(callee, True)
        env.verbose(f"to caller at {env.insn_idx}:\n")
        env.print_verifier_state(caller, True)
    state.frame.pop()
    if callee.in_callback_fn:
        prev = find_prev_entry(env, state, env.insn_idx)
        if prev is not None:
            widen_imprecise_scalars(env, prev, state)
