"""Checks at exit: open regions, and the return value (check_return_code())."""

from __future__ import annotations

from typing import Final

from vm.kernel import types as k
from vm.kernel.errno import ENOTSUPP
from vm.namedtuples import NamedTuple
from vm.verifier.call.leaving import reject_result, retval_range_within
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.ctx import hook_retval_range
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.prune.liveness import SRC_OP, check_reg_arg, is_pointer_value
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.attach import TRACING_ATTACH_TYPE
from vm.verifier.rules.context import LOCK_STILL_HELD, PREEMPTION_STILL_DISABLED, RCU_STILL_OPEN, THROW_IN_REGION
from vm.verifier.rules.functions import (
    LSM_CGROUP_VOID_RETURN,
    RETURN_VALUE_NOT_KNOWN,
    RETURN_VALUE_OUT_OF_RANGE,
    SUBPROGRAM_RETURN_NOT_SCALAR,
)
from vm.verifier.rules.policy import POINTER_LEAK_BY_RETURN
from vm.verifier.rules.rule import Rule
from vm.verifier.state.frame import RetvalRange
from vm.verifier.state.reg_types import SCALAR_VALUE

_BOOL: Final = RetvalRange(0, 1)

_ADDR_ONE: Final = frozenset(
    {
        k.BPF_CGROUP_UDP4_RECVMSG,
        k.BPF_CGROUP_UDP6_RECVMSG,
        k.BPF_CGROUP_UNIX_RECVMSG,
        k.BPF_CGROUP_INET4_GETPEERNAME,
        k.BPF_CGROUP_INET6_GETPEERNAME,
        k.BPF_CGROUP_UNIX_GETPEERNAME,
        k.BPF_CGROUP_INET4_GETSOCKNAME,
        k.BPF_CGROUP_INET6_GETSOCKNAME,
        k.BPF_CGROUP_UNIX_GETSOCKNAME,
    }
)
_CGROUP_BOOL: Final = frozenset(
    {
        k.BPF_PROG_TYPE_CGROUP_SOCK,
        k.BPF_PROG_TYPE_SOCK_OPS,
        k.BPF_PROG_TYPE_CGROUP_DEVICE,
        k.BPF_PROG_TYPE_CGROUP_SYSCTL,
        k.BPF_PROG_TYPE_CGROUP_SOCKOPT,
        k.BPF_PROG_TYPE_SK_LOOKUP,
        k.BPF_PROG_TYPE_NETFILTER,
    }
)
_TRACING: Final = {
    k.BPF_TRACE_FENTRY: RetvalRange(0, 0),
    k.BPF_TRACE_FEXIT: RetvalRange(0, 0),
    k.BPF_TRACE_ITER: _BOOL,
    k.BPF_TRACE_RAW_TP: None,
    k.BPF_MODIFY_RETURN: None,
}


class _Region(NamedTuple):
    """A region that must be closed before the program exits: its name, and the rule that is broken otherwise."""

    name: str
    missing: Rule
    held: tuple[str, ...]


_LOCK: Final = _Region("bpf_spin_lock", LOCK_STILL_HELD, ("lock",))
_RCU: Final = _Region("bpf_rcu_read_lock", RCU_STILL_OPEN, ("rcu",))
_PREEMPT: Final = _Region("bpf_preempt_disable", PREEMPTION_STILL_DISABLED, ("preempt",))


def check_regions_closed(env: VerifierEnv, exception_exit: bool) -> None:
    """No lock, RCU or preemption region may be open where the program (or by an exception, any frame) ends."""
    state = env.cur_state
    if state.curframe and not exception_exit:
        return
    if state.active_lock.ptr:
        _open(env, _LOCK, exception_exit)
    if state.active_rcu_lock:
        _open(env, _RCU, exception_exit)
    if state.active_preempt_lock:
        _open(env, _PREEMPT, exception_exit)


def _open(env: VerifierEnv, region: _Region, exception_exit: bool) -> None:
    count = env.cur_state.active_preempt_lock
    if exception_exit:
        env.reject(THROW_IN_REGION, region=region.name, held=region.held)
    env.reject(region.missing, held=region.held, count=count, verb=" is" if count == 1 else "(s) are")


def program_retval_range(env: VerifierEnv) -> RetvalRange | None:
    """What the program type allows the main function to return; None: anything."""
    prog_type = env.program.prog_type
    attach = env.program.expected_attach_type
    if prog_type == k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
        if attach in _ADDR_ONE:
            return RetvalRange(1, 1)
        if attach in (k.BPF_CGROUP_INET4_BIND, k.BPF_CGROUP_INET6_BIND):
            return RetvalRange(0, 3)
        return _BOOL
    if prog_type == k.BPF_PROG_TYPE_CGROUP_SKB:
        return RetvalRange(0, 3) if attach == k.BPF_CGROUP_INET_EGRESS else _BOOL
    if prog_type in _CGROUP_BOOL:
        return _BOOL
    if prog_type == k.BPF_PROG_TYPE_RAW_TRACEPOINT:
        return RetvalRange(0, 0) if env.program.attach_btf_name else None
    if prog_type == k.BPF_PROG_TYPE_KPROBE:
        return _BOOL if attach == k.BPF_TRACE_KPROBE_SESSION else None
    if prog_type == k.BPF_PROG_TYPE_TRACING:
        if attach not in _TRACING:
            env.reject(TRACING_ATTACH_TYPE, errno=ENOTSUPP)
        return _TRACING[attach]
    if prog_type == k.BPF_PROG_TYPE_LSM:
        if attach != k.BPF_LSM_CGROUP:
            limits = hook_retval_range(env)
            return RetvalRange(*limits) if limits is not None else None
        return RetvalRange(1, 1) if _hook_is_void(env) else _BOOL
    return None


def _hook_is_void(env: VerifierEnv) -> bool:
    target = env.attach_target
    return target is not None and not target.proto.type_id


def check_return_code(env: VerifierEnv, regno: int, reg_name: str) -> None:
    """Checks the value of register `regno` at the end of the program."""
    frame = env.cur_state.frame[0]
    is_subprog = frame.subprogno != 0
    is_lsm = env.program.prog_type == k.BPF_PROG_TYPE_LSM
    is_lsm_mac = is_lsm and env.program.expected_attach_type != k.BPF_LSM_CGROUP
    may_be_void = is_lsm_mac or env.program.prog_type == k.BPF_PROG_TYPE_STRUCT_OPS
    if may_be_void and _hook_is_void(env) and (not is_subprog or frame.in_exception_callback_fn):
        return
    check_reg_arg(env, regno, SRC_OP)
    if is_pointer_value(env, regno):
        env.reject(POINTER_LEAK_BY_RETURN, regno)
    reg = env.cur_state.frame[-1].regs[regno]
    exit_ctx = "At program exit"
    wanted: RetvalRange | None
    if frame.in_async_callback_fn:
        exit_ctx = "At async callback return"
        wanted = RetvalRange(0, 0)
    elif is_subprog and not frame.in_exception_callback_fn:
        if reg.type != SCALAR_VALUE:
            env.reject(SUBPROGRAM_RETURN_NOT_SCALAR, regno, type=reg_type_str(reg.type))
        return
    else:
        wanted = program_retval_range(env)
    if wanted is None:
        return
    if reg.type != SCALAR_VALUE:
        env.reject(RETURN_VALUE_NOT_KNOWN, regno, where=exit_ctx, type=reg_type_str(reg.type))
    mark_chain_precision(env, regno, "result")
    if not retval_range_within(wanted, reg, is_lsm_mac and not frame.in_async_callback_fn):
        void = is_lsm and not is_lsm_mac and not is_subprog and _hook_is_void(env)
        rule = LSM_CGROUP_VOID_RETURN if void else RETURN_VALUE_OUT_OF_RANGE
        reject_result(env, rule, regno, wanted, exit_ctx, reg_name)
