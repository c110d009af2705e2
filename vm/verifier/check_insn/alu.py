"""Arithmetic and moves (check_alu_op())."""

from __future__ import annotations

from typing import Final

from vm.bits import S32_MAX
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.check_insn import sanitize
from vm.verifier.check_insn.pointer_alu import ALU_STRING, adjust_ptr_min_max_vals
from vm.verifier.domain.arith import computable, scalar_alu
from vm.verifier.domain.scalar import (
    Scalar,
    bounds_sync,
    coerce_subreg_to_size_sx,
    coerce_to_size_sx,
    const,
    set32_const,
    zext_32_to_64,
)
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import assign_scalar_id_before_mov, immediate
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.prune.liveness import (
    DST_OP,
    DST_OP_NO_MARK,
    SRC_OP,
    check_reg_arg,
    is_pointer_value,
    mark_reg_unknown,
)
from vm.verifier.rules.register import (
    POINTER_ARITHMETIC,
    POINTER_PAIR_ARITHMETIC,
    POINTER_PARTIAL_COPY,
    POINTER_SIGN_EXTENSION,
)
from vm.verifier.rules.structure import (
    ADDRESS_SPACE_CAST_SPACES,
    ADDRESS_SPACE_CAST_WITHOUT_ARENA,
    ALU_OPCODE,
    ALU_RESERVED_FIELDS,
    DIVISION_BY_ZERO,
    END_RESERVED_FIELDS,
    MOV_RESERVED_FIELDS,
    NEG_RESERVED_FIELDS,
    SHIFT_OUT_OF_RANGE,
)
from vm.verifier.sanity import sane
from vm.verifier.state.memo import AluMemo
from vm.verifier.state.reg import RegState, unknown_scalar
from vm.verifier.state.reg_types import BPF_ADD_CONST, PTR_TO_ARENA, SCALAR_VALUE

_ADDR_SPACE_CAST: Final = 1
_MAP_TYPE_ARENA: Final = 33
_SHIFTS: Final = (o.LSH, o.RSH, o.ARSH)
_DIVISIONS: Final = (o.DIV, o.MOD)


def check_alu_op(env: VerifierEnv, insn: Insn) -> None:
    """Any ALU or ALU64 instruction: operands, reserved fields, and the value it leaves."""
    op = insn.code & 0xF0
    if op == o.MOV:
        _check_mov(env, insn)
    elif op in (o.END, o.NEG):
        _check_unary(env, insn, op)
    elif op > o.END:
        env.reject(ALU_OPCODE, op=op)
    else:
        _check_binary(env, insn, op)
    regs = env.cur_state.frame[-1].regs
    reg = regs[insn.dst_reg]
    checked = sane(env, reg.scalar, "alu")
    if checked is not reg.scalar:
        regs[insn.dst_reg] = reg.with_scalar(checked)


def _check_unary(env: VerifierEnv, insn: Insn, op: int) -> None:
    if op == o.NEG:
        if insn.code & 0x08 or insn.src_reg or insn.off or insn.imm:
            env.reject(NEG_RESERVED_FIELDS)
    elif (
        insn.src_reg
        or insn.off
        or insn.imm not in (16, 32, 64)
        or (insn.code & 0x07 == o.ALU64 and insn.code & 0x08 != o.TO_LE)
    ):
        env.reject(END_RESERVED_FIELDS)
    check_reg_arg(env, insn.dst_reg, SRC_OP)
    if is_pointer_value(env, insn.dst_reg):
        env.reject(POINTER_ARITHMETIC, insn.dst_reg)
    check_reg_arg(env, insn.dst_reg, DST_OP)


# -- moves ------------------------------------------------------------------


def _check_mov(env: VerifierEnv, insn: Insn) -> None:
    if insn.code & 0x08:
        _check_mov_fields(env, insn)
        check_reg_arg(env, insn.src_reg, SRC_OP)
    elif insn.src_reg or insn.off:
        env.reject(MOV_RESERVED_FIELDS)
    check_reg_arg(env, insn.dst_reg, DST_OP_NO_MARK)
    if not insn.code & 0x08:
        if env.bpf_capable and insn.code & 0x07 == o.ALU64:
            r = immediate(env, insn)
        else:
            r = RegState(SCALAR_VALUE, const(insn.imm if insn.code & 0x07 == o.ALU64 else insn.imm & 0xFFFFFFFF))
            r.precise = not env.bpf_capable
        env.cur_state.frame[-1].regs[insn.dst_reg] = r
    elif insn.code & 0x07 == o.ALU64:
        _mov64(env, insn)
    else:
        _mov32(env, insn)


def _check_mov_fields(env: VerifierEnv, insn: Insn) -> None:
    if insn.code & 0x07 == o.ALU:
        if insn.off not in (0, 8, 16) or insn.imm:
            env.reject(MOV_RESERVED_FIELDS)
    elif insn.off == _ADDR_SPACE_CAST:
        if insn.imm not in (1, 1 << 16):
            env.reject(ADDRESS_SPACE_CAST_SPACES)
        if not any(env.program.maps[i].map_type == _MAP_TYPE_ARENA for i in env.used_maps):
            env.reject(ADDRESS_SPACE_CAST_WITHOUT_ARENA)
    elif insn.off not in (0, 8, 16, 32) or insn.imm:
        env.reject(MOV_RESERVED_FIELDS)


def _copy_scalar(env: VerifierEnv, insn: Insn, linked: bool) -> RegState:
    """The source register for a move that may change it: linked to the copy only if the copy is equal."""
    regs = env.cur_state.frame[-1].regs
    if linked:
        assign_scalar_id_before_mov(env, insn.src_reg)
    r = regs[insn.src_reg].clone()
    if not linked:
        r.id = 0
        r.off = 0
    return r


def _mov64(env: VerifierEnv, insn: Insn) -> None:
    regs = env.cur_state.frame[-1].regs
    if insn.imm:
        r = unknown_scalar(not env.bpf_capable)
        if insn.imm == 1:
            r.type = PTR_TO_ARENA
        regs[insn.dst_reg] = r
        return
    if insn.off == 0:
        src = regs[insn.src_reg]
        if src.type == SCALAR_VALUE and (not src.id or src.id & BPF_ADD_CONST):
            assign_scalar_id_before_mov(env, insn.src_reg)
        regs[insn.dst_reg] = regs[insn.src_reg]
        return
    if is_pointer_value(env, insn.src_reg):
        env.reject(POINTER_SIGN_EXTENSION, insn.src_reg)
    src = regs[insn.src_reg]
    if src.type != SCALAR_VALUE:
        mark_reg_unknown(env, regs, insn.dst_reg)
        return
    r = _copy_scalar(env, insn, src.scalar.umax < 1 << (insn.off - 1))
    r.scalar = coerce_to_size_sx(r.scalar, insn.off >> 3)
    regs[insn.dst_reg] = r


def _mov32(env: VerifierEnv, insn: Insn) -> None:
    regs = env.cur_state.frame[-1].regs
    if is_pointer_value(env, insn.src_reg):
        env.reject(POINTER_PARTIAL_COPY, insn.src_reg)
    src = regs[insn.src_reg]
    if src.type != SCALAR_VALUE:
        r = unknown_scalar(not env.bpf_capable)
    elif insn.off == 0:
        r = _copy_scalar(env, insn, src.scalar.umax <= 0xFFFFFFFF)
    else:
        r = _copy_scalar(env, insn, src.scalar.umax < 1 << (insn.off - 1))
        r.scalar = coerce_subreg_to_size_sx(r.scalar, insn.off >> 3)
    r.scalar = bounds_sync(zext_32_to_64(r.scalar))
    regs[insn.dst_reg] = r


# -- two operands -------------------------------------------------------------


def _check_binary(env: VerifierEnv, insn: Insn, op: int) -> None:
    if insn.code & 0x08:
        if insn.imm or insn.off not in (0, 1) or (insn.off == 1 and op not in _DIVISIONS):
            env.reject(ALU_RESERVED_FIELDS)
        check_reg_arg(env, insn.src_reg, SRC_OP)
    elif insn.src_reg or insn.off not in (0, 1) or (insn.off == 1 and op not in _DIVISIONS):
        env.reject(ALU_RESERVED_FIELDS)
    check_reg_arg(env, insn.dst_reg, SRC_OP)
    if not insn.code & 0x08:
        if op in _DIVISIONS and insn.imm == 0:
            env.reject(DIVISION_BY_ZERO)
        if op in _SHIFTS and not 0 <= insn.imm < (64 if insn.code & 0x07 == o.ALU64 else 32):
            env.reject(SHIFT_OUT_OF_RANGE, bits=insn.imm)
    check_reg_arg(env, insn.dst_reg, DST_OP_NO_MARK)
    _adjust_reg_min_max_vals(env, insn, op)


def _adjust_reg_min_max_vals(env: VerifierEnv, insn: Insn, op: int) -> None:
    regs = env.cur_state.frame[-1].regs
    dst = regs[insn.dst_reg]
    by_reg = insn.code & 0x08 != 0
    src = regs[insn.src_reg] if by_reg else immediate(env, insn)
    if dst.type == PTR_TO_ARENA or src.type == PTR_TO_ARENA:
        if dst.type != PTR_TO_ARENA:
            regs[insn.dst_reg] = src
            env.cur.live.adopt(insn.dst_reg, env.cur.live, insn.src_reg)
        if insn.code & 0x07 == o.ALU64:
            env.aux[env.insn_idx].needs_zext = True
        return
    if src.type != SCALAR_VALUE:
        if dst.type != SCALAR_VALUE:
            if op == o.SUB and env.allow_ptr_leaks:
                mark_reg_unknown(env, regs, insn.dst_reg)
                return
            env.reject(POINTER_PAIR_ARITHMETIC, insn.dst_reg, operator=ALU_STRING[op >> 4])
        mark_chain_precision(env, insn.dst_reg, "pointer_offset")
        adjust_ptr_min_max_vals(env, insn, src, dst, ptr_is_dst=False)
        return
    if dst.type != SCALAR_VALUE:
        if by_reg:
            mark_chain_precision(env, insn.src_reg, "pointer_offset")
        adjust_ptr_min_max_vals(env, insn, dst, src, ptr_is_dst=True)
        return
    if by_reg and dst.precise:
        mark_chain_precision(env, insn.src_reg, "operand")
    _adjust_scalar(env, insn, op, src)


def _adjust_scalar(env: VerifierEnv, insn: Insn, op: int, src: RegState) -> None:
    """adjust_scalar_min_max_vals(), and the effect on the register's links to others."""
    regs = env.cur_state.frame[-1].regs
    alu32 = insn.code & 0x07 != o.ALU64
    if not computable(op, alu32, src.scalar):
        mark_reg_unknown(env, regs, insn.dst_reg)
        return
    if op in (o.ADD, o.SUB) and not env.bypass_spec_v1:
        sanitize.sanitize_val_alu(env, insn)
    dst = regs[insn.dst_reg]
    value = dst.scalar
    if op in (o.AND, o.OR) and src.scalar.var_off.mask == 0:
        value = _maybe_fork_scalars(env, insn, value)
    memo = env.alu_memos[env.insn_idx]
    result: Scalar | None = None
    if memo is not None and memo.dst.scalar is value and memo.src.scalar is src.scalar:
        if memo.dst is dst and memo.src is src:
            regs[insn.dst_reg] = memo.result
            return
        result = memo.result.scalar
    if result is None:
        result = scalar_alu(op, alu32, value, src.scalar)
    r = dst.clone()
    r.scalar = result
    delta = src.scalar.var_off.value
    if (
        op == o.ADD
        and r.id
        and not alu32
        and env.bpf_capable
        and src.scalar.var_off.mask == 0
        and not (insn.code & 0x08 and insn.src_reg == insn.dst_reg)
        and not r.id & BPF_ADD_CONST
        and delta <= S32_MAX
    ):
        r.id |= BPF_ADD_CONST
        r.off = delta
    else:
        r.id = 0
        r.off = 0
    regs[insn.dst_reg] = r
    if value is not dst.scalar:
        return
    if memo is None:
        env.alu_memos[env.insn_idx] = AluMemo(dst, src, r)
    else:
        memo.dst = dst
        memo.src = src
        memo.result = r


def _maybe_fork_scalars(env: VerifierEnv, insn: Insn, value: Scalar) -> Scalar:
    """maybe_fork_scalars(): a mask that is all ones or all zeroes is verified as both, on two paths."""
    if value.smin == -1 and value.smax == 0:
        alu32 = False
    elif value.s32_min == -1 and value.s32_max == 0:
        alu32 = True
    else:
        return value
    branch = env.push_stack(env.insn_idx, env.insn_idx, False)
    regs = branch.frame[-1].regs
    r = regs[insn.dst_reg].clone()
    if alu32:
        r.scalar = set32_const(value, 0)
        result = set32_const(value, -1)
    else:
        r.scalar = const(0)
        r.id = 0
        r.off = 0
        result = const(-1)
    regs[insn.dst_reg] = r
    return result
