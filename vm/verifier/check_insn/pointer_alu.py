"""Arithmetic between a pointer and a number (adjust_ptr_min_max_vals())."""

from __future__ import annotations

from typing import Final

from vm.bits import S32_MAX, S32_MIN, S64_MIN
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.check_insn import sanitize
from vm.verifier.domain.arith import is_known, pointer_add, pointer_sub, without_bounds32
from vm.verifier.domain.scalar import bounds_sync, s64
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import BPF_MAX_VAR_OFF
from vm.verifier.prune.liveness import mark_reg_unknown
from vm.verifier.report import need
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.memory import (
    POINTER_MATH_UNBOUNDED_MIN,
    POINTER_MATH_VALUE_TOO_LARGE,
    POINTER_OFFSET_TOO_LARGE,
    POINTER_VALUE_OUT_OF_BOUNDS,
)
from vm.verifier.rules.register import (
    POINTER_ARITHMETIC_32_BIT,
    POINTER_ARITHMETIC_BEFORE_NULL_CHECK,
    POINTER_ARITHMETIC_ON_TYPE,
    POINTER_BITWISE,
    POINTER_OPERATOR,
    POINTER_SUBTRACTED_FROM_SCALAR,
    STACK_POINTER_SUBTRACTION,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

ALU_STRING: Final = (
    "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "endian", "", "",
)  # fmt: skip
"""The kernel's bpf_alu_string, by operation."""

_ARITHMETIC_OK: Final = frozenset(
    {
        t.PTR_TO_CTX,
        t.PTR_TO_MAP_VALUE,
        t.PTR_TO_MAP_KEY,
        t.PTR_TO_STACK,
        t.PTR_TO_PACKET_META,
        t.PTR_TO_PACKET,
        t.PTR_TO_TP_BUFFER,
        t.PTR_TO_BTF_ID,
        t.PTR_TO_MEM,
        t.PTR_TO_BUF,
        t.PTR_TO_FUNC,
        t.CONST_PTR_TO_DYNPTR,
    }
)


def check_reg_sane_offset(env: VerifierEnv, reg: RegState, reg_type: int, regno: int) -> None:
    """check_reg_sane_offset(): the offset in register `regno` has to be far from overflow."""
    s = reg.scalar
    if s.var_off.mask == 0:
        value = s64(s.var_off.value)
        if value >= BPF_MAX_VAR_OFF or value <= -BPF_MAX_VAR_OFF:
            needed = need.pointer_offset(value, value)
            name = reg_type_str(reg_type)
            env.reject(POINTER_MATH_VALUE_TOO_LARGE, regno, type=name, value=value, needed=needed)
    if reg.off >= BPF_MAX_VAR_OFF or reg.off <= -BPF_MAX_VAR_OFF:
        needed = need.pointer_offset(reg.off, reg.off)
        env.reject(POINTER_OFFSET_TOO_LARGE, regno, type=reg_type_str(reg_type), off=reg.off, needed=needed)
    if s.smin == S64_MIN:
        env.reject(
            POINTER_MATH_UNBOUNDED_MIN, regno, type=reg_type_str(reg_type), needed=need.pointer_offset(s.smin, s.smax)
        )
    if s.smin >= BPF_MAX_VAR_OFF or s.smin <= -BPF_MAX_VAR_OFF:
        needed = need.pointer_offset(s.smin, s.smax)
        name = reg_type_str(reg_type)
        env.reject(POINTER_VALUE_OUT_OF_BOUNDS, regno, value=s.smin, type=name, needed=needed)


def _check_allowed(env: VerifierEnv, insn: Insn, ptr: RegState, off: RegState) -> None:
    dst = insn.dst_reg
    op = insn.code & 0xF0
    if ptr.type & t.PTR_MAYBE_NULL:
        env.reject(POINTER_ARITHMETIC_BEFORE_NULL_CHECK, dst, type=reg_type_str(ptr.type))
    base = ptr.type & t.BPF_BASE_TYPE_MASK
    if base in _ARITHMETIC_OK:
        return
    known = off.scalar.var_off.mask == 0
    if base == t.PTR_TO_FLOW_KEYS and known:
        return
    if base in (t.PTR_TO_FLOW_KEYS, t.CONST_PTR_TO_MAP) and known and off.scalar.smin == 0 and op == o.ADD:
        return
    env.reject(POINTER_ARITHMETIC_ON_TYPE, dst, type=reg_type_str(ptr.type))


def adjust_ptr_min_max_vals(env: VerifierEnv, insn: Insn, ptr: RegState, off: RegState, *, ptr_is_dst: bool) -> None:
    """`dst = ptr op off`; with ptr_is_dst False it was `scalar += pointer`."""
    frame = env.cur_state.frame[-1]
    dst = insn.dst_reg
    op = insn.code & 0xF0
    by_reg = insn.code & 0x08 != 0
    s = off.scalar
    known = s.var_off.mask == 0
    if (known and (s.smin != s.smax or s.umin != s.umax)) or s.smin > s.smax or s.umin > s.umax:
        mark_reg_unknown(env, frame.regs, dst)
        return
    if insn.code & 0x07 != o.ALU64:
        if op == o.SUB and env.allow_ptr_leaks:
            mark_reg_unknown(env, frame.regs, dst)
            return
        env.reject(POINTER_ARITHMETIC_32_BIT, dst)
    _check_allowed(env, insn, ptr, off)
    if not ptr_is_dst:
        # The kernel copies the whole register here, liveness included.
        frame.regs[dst] = ptr
        frame.live.adopt(dst, frame.live, insn.src_reg)
    check_reg_sane_offset(env, off, ptr.type, insn.src_reg if by_reg and ptr_is_dst else dst)
    check_reg_sane_offset(env, ptr, ptr.type, dst if ptr_is_dst else insn.src_reg)
    info: sanitize.SanitizeInfo | None = None
    if op in (o.ADD, o.SUB) and not env.bypass_spec_v1:
        info = sanitize.SanitizeInfo()
        sanitize.sanitize_ptr_alu(env, insn, ptr, off, info, ptr_is_dst, commit_window=False)
    if op == o.ADD:
        r = _add(env, ptr, off)
    elif op == o.SUB:
        r = _sub(env, insn, ptr, off, ptr_is_dst)
    elif op in (o.AND, o.OR, o.XOR):
        env.reject(POINTER_BITWISE, dst, operator=ALU_STRING[op >> 4])
    else:
        env.reject(POINTER_OPERATOR, dst, operator=ALU_STRING[op >> 4])
    check_reg_sane_offset(env, r, ptr.type, insn.src_reg if by_reg and ptr_is_dst else dst)
    if not is_known(r.scalar):
        r.scalar = bounds_sync(r.scalar)
    frame.regs[dst] = r
    if info is not None:
        sanitize.sanitize_check_bounds(env, dst, r)
        sanitize.sanitize_ptr_alu(env, insn, r, off, info, ptr_is_dst, commit_window=True)


def _add(env: VerifierEnv, ptr: RegState, off: RegState) -> RegState:
    r = ptr.clone()
    s = off.scalar
    if s.var_off.mask == 0 and S32_MIN <= ptr.off + s.smin <= S32_MAX:
        r.off = ptr.off + s.smin
        if not is_known(ptr.scalar):
            r.scalar = without_bounds32(ptr.scalar)
        return r
    r.scalar = pointer_add(ptr.scalar, s)
    if t.type_is_pkt_pointer(ptr.type):
        r.id = env.new_id()
        r.range = 0
    return r


def _sub(env: VerifierEnv, insn: Insn, ptr: RegState, off: RegState, ptr_is_dst: bool) -> RegState:
    dst = insn.dst_reg
    if not ptr_is_dst:
        env.reject(POINTER_SUBTRACTED_FROM_SCALAR, dst)
    if ptr.type == t.PTR_TO_STACK:
        env.reject(STACK_POINTER_SUBTRACTION, dst)
    r = ptr.clone()
    s = off.scalar
    if s.var_off.mask == 0 and S32_MIN <= ptr.off - s.smin <= S32_MAX:
        r.off = ptr.off - s.smin
        if not is_known(ptr.scalar):
            r.scalar = without_bounds32(ptr.scalar)
        return r
    r.scalar = pointer_sub(ptr.scalar, s)
    if t.type_is_pkt_pointer(ptr.type):
        r.id = env.new_id()
        # Going back by something that is not negative keeps what was known to be readable.
        if s.smin < 0:
            r.range = 0
    return r
