"""64-bit immediate loads, and the classic loads from the packet (check_ld_imm(), check_ld_abs())."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.kernel.errno import EFAULT, EINVAL
from vm.verifier.call import subprog
from vm.verifier.call.leaving import check_reference_leak
from vm.verifier.domain.scalar import const
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.mem.common import check_ptr_off_reg
from vm.verifier.prune.liveness import DST_OP, SRC_OP, check_reg_arg, clear_caller_saved_regs, mark_reg_unknown
from vm.verifier.rules.context import LD_ABS_IN_CALLBACK, LD_ABS_IN_RCU, LD_ABS_UNDER_LOCK, LD_ABS_WITHOUT_PREEMPTION
from vm.verifier.rules.functions import CALLBACK_IS_MAIN, CALLBACK_NOT_STATIC, CALLBACK_WITHOUT_FUNC_INFO
from vm.verifier.rules.lifetime import LD_ABS_WITH_REFERENCES
from vm.verifier.rules.policy import LD_ABS_PROGRAM_TYPE
from vm.verifier.rules.register import LD_ABS_WITHOUT_SKB
from vm.verifier.rules.structure import (
    LD_ABS_RESERVED_FIELDS,
    LD_IMM64_RESERVED_FIELDS,
    LD_IMM_SIZE,
    VERIFIER_MISCONFIGURED,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState, known_scalar, pointer, unknown_scalar

_CTX_REG: Final = 6
_MAY_ACCESS_SKB: Final = frozenset(
    {k.BPF_PROG_TYPE_SOCKET_FILTER, k.BPF_PROG_TYPE_SCHED_CLS, k.BPF_PROG_TYPE_SCHED_ACT}
)


def check_ld_imm(env: VerifierEnv, insn: Insn) -> None:
    """The first of the two slots; the second was checked before the walk."""
    if insn.code & 0x18 != o.DW:
        env.reject(LD_IMM_SIZE)
    if insn.off:
        env.reject(LD_IMM64_RESERVED_FIELDS)
    check_reg_arg(env, insn.dst_reg, DST_OP)
    regs = env.cur_state.frame[-1].regs
    if insn.src_reg == 0:
        upper = env.insns[env.insn_idx + 1].imm
        r = RegState(t.SCALAR_VALUE, const(insn.imm & 0xFFFFFFFF | (upper & 0xFFFFFFFF) << 32))
        r.precise = not env.bpf_capable
    elif insn.src_reg == o.PSEUDO_BTF_ID:
        r = _kernel_symbol(env)
    elif insn.src_reg == o.PSEUDO_FUNC:
        r = _function(env, insn)
    else:
        r = _map(env, insn)
    regs[insn.dst_reg] = r


def _kernel_symbol(env: VerifierEnv) -> RegState:
    aux = env.aux[env.insn_idx]
    r = pointer(aux.btf_var_type)
    base = t.base_type(aux.btf_var_type)
    if base == t.PTR_TO_MEM:
        r.mem_size = aux.btf_var_mem_size
    elif base == t.PTR_TO_BTF_ID:
        r.btf = aux.btf_var_btf
        r.btf_id = aux.btf_var_btf_id
    else:
        env.reject(VERIFIER_MISCONFIGURED, errno=EFAULT)
    return r


def _function(env: VerifierEnv, insn: Insn) -> RegState:
    target = env.insn_idx + insn.imm + 1
    number = next((i for i, sub in enumerate(env.subprogs) if sub.start == target), -1)
    if not env.program.func_infos:
        env.reject(CALLBACK_WITHOUT_FUNC_INFO)
    if env.subprogs[number].is_global:
        env.reject(CALLBACK_NOT_STATIC)
    if number == 0:
        env.reject(CALLBACK_IS_MAIN)
    r = pointer(t.PTR_TO_FUNC)
    r.subprogno = number
    return r


def _map(env: VerifierEnv, insn: Insn) -> RegState:
    aux = env.aux[env.insn_idx]
    spec = env.program.maps[aux.map_index]
    if insn.src_reg in (o.PSEUDO_MAP_VALUE, o.PSEUDO_MAP_IDX_VALUE):
        if spec.map_type == k.BPF_MAP_TYPE_ARENA:
            return unknown_scalar(not env.bpf_capable)
        r = pointer(t.PTR_TO_MAP_VALUE)
        r.off = aux.map_off
    elif insn.src_reg in (o.PSEUDO_MAP_FD, o.PSEUDO_MAP_IDX):
        r = pointer(t.CONST_PTR_TO_MAP)
    else:
        env.reject(VERIFIER_MISCONFIGURED, errno=EINVAL)
    r.map_ptr = aux.map_index
    return r


def _check_ld_abs_allowed(env: VerifierEnv, insn: Insn) -> None:
    state = env.cur_state
    if env.program.prog_type not in _MAY_ACCESS_SKB:
        env.reject(LD_ABS_PROGRAM_TYPE)
    if any(frame.in_callback_fn for frame in state.frame[1:]):
        env.reject(LD_ABS_IN_CALLBACK)
    size = insn.code & 0x18
    if insn.dst_reg or insn.off or size == o.DW or (insn.code & 0xE0 == o.ABS and insn.src_reg):
        env.reject(LD_ABS_RESERVED_FIELDS)
    check_reg_arg(env, _CTX_REG, SRC_OP)
    try:
        check_reference_leak(env, False)
    except Reject:
        env.reject(LD_ABS_WITH_REFERENCES)
    if state.active_lock.ptr:
        env.reject(LD_ABS_UNDER_LOCK)
    if state.active_rcu_lock:
        env.reject(LD_ABS_IN_RCU)
    if state.active_preempt_lock:
        env.reject(LD_ABS_WITHOUT_PREEMPTION)
    if state.frame[-1].regs[_CTX_REG].type != t.PTR_TO_CTX:
        env.reject(LD_ABS_WITHOUT_SKB, _CTX_REG)


def check_ld_abs(env: VerifierEnv, insn: Insn) -> None:
    """LD_ABS and LD_IND: r0 = bytes of the packet r6 describes, or the function ends."""
    _check_ld_abs_allowed(env, insn)
    frame = env.cur_state.frame[-1]
    if insn.code & 0xE0 == o.IND:
        check_reg_arg(env, insn.src_reg, SRC_OP)
    check_ptr_off_reg(env, frame.regs[_CTX_REG], _CTX_REG)
    clear_caller_saved_regs(env, frame)
    mark_reg_unknown(env, frame.regs, 0)
    if env.cur_state.curframe:
        # The hidden exit leaves only this function, with r0 zero.
        env.mark_reg_scratched(0)
        env.push_stack(env.insn_idx + 1, env.insn_idx, False)
        frame.regs[0] = known_scalar(0)
        subprog.prepare_func_exit(env)
        env.insn_idx -= 1
