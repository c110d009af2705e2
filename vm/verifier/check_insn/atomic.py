"""Atomic read-modify-write (check_atomic())."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.access import check_mem_access, save_aux_ptr_type
from vm.verifier.mem.common import BPF_READ, BPF_WRITE
from vm.verifier.prune.liveness import DST_OP, SRC_OP, check_reg_arg, is_pointer_value
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.fields import ATOMIC_ON_MEMORY_TYPE
from vm.verifier.rules.policy import POINTER_LEAK_BY_ATOMIC, POINTER_LEAK_BY_EXCHANGE
from vm.verifier.rules.structure import ATOMIC_OPCODE, ATOMIC_SIZE
from vm.verifier.state import reg_types as t

_OPS: Final = frozenset(
    {op | fetch for op in (o.ADD, o.AND, o.OR, o.XOR) for fetch in (0, o.FETCH)} | {o.XCHG, o.CMPXCHG}
)
_FORBIDDEN: Final = frozenset(
    {
        t.PTR_TO_CTX,
        t.PTR_TO_PACKET,
        t.PTR_TO_PACKET_META,
        t.PTR_TO_FLOW_KEYS,
        t.PTR_TO_SOCKET,
        t.PTR_TO_SOCK_COMMON,
        t.PTR_TO_TCP_SOCK,
        t.PTR_TO_XDP_SOCK,
    }
)


def check_atomic(env: VerifierEnv, insn: Insn) -> None:
    """STX|ATOMIC: operands, the memory they work on, and the register a fetch leaves the old value in."""
    if insn.imm not in _OPS:
        env.reject(ATOMIC_OPCODE, imm=insn.imm & 0xFFFFFFFF)
    size = insn.code & 0x18
    if size not in (o.W, o.DW):
        env.reject(ATOMIC_SIZE)
    check_reg_arg(env, insn.src_reg, SRC_OP)
    check_reg_arg(env, insn.dst_reg, SRC_OP)
    if insn.imm == o.CMPXCHG:
        check_reg_arg(env, o.R0, SRC_OP)
        if is_pointer_value(env, o.R0):
            env.reject(POINTER_LEAK_BY_EXCHANGE, o.R0)
    if is_pointer_value(env, insn.src_reg):
        env.reject(POINTER_LEAK_BY_ATOMIC, insn.src_reg)
    dst_type = env.cur_state.frame[-1].regs[insn.dst_reg].type
    if not _ptr_type_ok(dst_type, insn):
        env.reject(ATOMIC_ON_MEMORY_TYPE, insn.dst_reg, type=reg_type_str(dst_type))
    load_reg = -1
    if insn.imm & o.FETCH:
        load_reg = o.R0 if insn.imm == o.CMPXCHG else insn.src_reg
        check_reg_arg(env, load_reg, DST_OP)
    idx = env.insn_idx
    check_mem_access(env, idx, insn.dst_reg, insn.off, size, BPF_READ, -1, strict_alignment_once=True)
    if load_reg >= 0:
        check_mem_access(env, idx, insn.dst_reg, insn.off, size, BPF_READ, load_reg, strict_alignment_once=True)
    save_aux_ptr_type(env, env.cur_state.frame[-1].regs[insn.dst_reg].type, allow_trust_mismatch=False)
    check_mem_access(env, idx, insn.dst_reg, insn.off, size, BPF_WRITE, -1, strict_alignment_once=True)


def _ptr_type_ok(reg_type: int, insn: Insn) -> bool:
    """atomic_ptr_type_ok(); the x86 JIT has no bitwise fetches for arenas."""
    if reg_type == t.PTR_TO_ARENA:
        return insn.imm not in (o.AND | o.FETCH, o.OR | o.FETCH, o.XOR | o.FETCH)
    return reg_type not in _FORBIDDEN
