"""Spectre v1: masks pointer arithmetic of unprivileged programs, and verifies the effects of masking."""

from __future__ import annotations

from typing import Final, NoReturn, final

from vm.bits import U32
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.mem.common import ACCESS_HELPER
from vm.verifier.mem.map_value import check_map_access
from vm.verifier.prune.liveness import mark_reg_unknown
from vm.verifier.report.state_text import tnum_str
from vm.verifier.rules.policy import (
    SPECULATION_BEYOND_BOUNDS,
    SPECULATION_DIFFERENT_PATHS,
    SPECULATION_MIXED_SIGNS,
    SPECULATION_POINTER_TYPE,
    UNPRIVILEGED_MAP_VALUE_ARITHMETIC,
    UNPRIVILEGED_STACK_ARITHMETIC,
    UNPRIVILEGED_STACK_VARIABLE_OFFSET,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

ALU_SANITIZE_SRC: Final = 1 << 0
ALU_SANITIZE_DST: Final = 1 << 1
ALU_NEG_VALUE: Final = 1 << 2
ALU_NON_POINTER: Final = 1 << 3
ALU_IMMEDIATE: Final = 1 << 4

_PROHIBITED: Final = "pointer arithmetic with it prohibited for !root"


@final
class SanitizeInfo:
    """struct bpf_sanitize_info: the result of the first of the two checks of an instruction."""

    __slots__ = ("alu_state", "alu_limit", "mask_to_left")

    def __init__(self) -> None:
        self.alu_state: int = 0
        self.alu_limit: int = 0
        self.mask_to_left: bool = False


def _can_skip(env: VerifierEnv, insn: Insn) -> bool:
    return env.bypass_spec_v1 or not insn.code & 0x08


def _op_name(insn: Insn) -> str:
    return "add" if insn.code & 0xF0 == o.ADD else "sub"


def _different_paths(env: VerifierEnv, insn: Insn) -> NoReturn:
    env.reject(SPECULATION_DIFFERENT_PATHS, insn.dst_reg, operation=_op_name(insn))


def _update_state(env: VerifierEnv, insn: Insn, alu_state: int, alu_limit: int) -> None:
    aux = env.aux[env.insn_idx]
    if aux.alu_state and (aux.alu_state != alu_state or aux.alu_limit != alu_limit):
        _different_paths(env, insn)
    aux.alu_state = alu_state
    aux.alu_limit = alu_limit


def sanitize_val_alu(env: VerifierEnv, insn: Insn) -> None:
    """A sum of two numbers: its operands must be numbers on every path."""
    if not _can_skip(env, insn):
        _update_state(env, insn, ALU_NON_POINTER, 0)


def sanitize_speculative_path(env: VerifierEnv, insn: Insn | None, next_idx: int, curr_idx: int) -> None:
    """Also verifies the path of a mispredicted branch, with the compared registers unknown."""
    branch = env.push_stack(next_idx, curr_idx, True)
    if insn is not None:
        regs = branch.frame[-1].regs
        mark_reg_unknown(env, regs, insn.dst_reg)
        if insn.code & 0x08:
            mark_reg_unknown(env, regs, insn.src_reg)


def _ptr_limit(env: VerifierEnv, insn: Insn, ptr: RegState, mask_to_left: bool) -> int:
    """retrieve_ptr_limit(): how far the pointer may move in the masked direction."""
    if ptr.type == t.PTR_TO_STACK:
        most = o.MAX_BPF_STACK + mask_to_left
        limit = -(ptr.scalar.var_off.value + ptr.off) & U32
    elif ptr.type == t.PTR_TO_MAP_VALUE:
        spec = env.program.maps[ptr.map_ptr]
        if ptr.inner_map and spec.inner is not None:
            spec = spec.inner
        most = spec.value_size
        limit = ((ptr.scalar.smin if mask_to_left else ptr.scalar.umax) + ptr.off) & U32
    else:
        env.reject(SPECULATION_POINTER_TYPE, insn.dst_reg)
    if limit >= most:
        env.reject(SPECULATION_BEYOND_BOUNDS, insn.dst_reg, operation=_op_name(insn))
    return limit


def sanitize_ptr_alu(
    env: VerifierEnv,
    insn: Insn,
    ptr: RegState,
    off: RegState,
    info: SanitizeInfo,
    ptr_is_dst: bool,
    *,
    commit_window: bool,
) -> None:
    """Before the sum (commit_window False) and after it: the masking this instruction needs, and its worst case."""
    if _can_skip(env, insn):
        return
    off_is_imm = off.scalar.var_off.mask == 0
    off_is_neg = off.scalar.smin < 0
    if not env.cur_state.speculative:
        if not commit_window:
            if not off_is_imm and off_is_neg != (off.scalar.smax < 0):
                env.reject(SPECULATION_MIXED_SIGNS, insn.src_reg)
            info.mask_to_left = off_is_neg if insn.code & 0xF0 == o.ADD else not off_is_neg
        limit = _ptr_limit(env, insn, ptr, info.mask_to_left)
        if commit_window:
            moved = (info.alu_limit - limit) & U32
            _update_state(env, insn, info.alu_state, min(moved, -moved & U32))
        else:
            state = ALU_NEG_VALUE if off_is_neg else 0
            state |= ALU_IMMEDIATE if off_is_imm else 0
            state |= ALU_SANITIZE_SRC if ptr_is_dst else ALU_SANITIZE_DST
            if not off_is_imm:
                env.explore_alu_limits = True
            info.alu_state = state
            info.alu_limit = limit
    if not commit_window and not off_is_imm:
        sanitize_speculative_path(env, None, env.insn_idx + 1, env.insn_idx)


def sanitize_check_bounds(env: VerifierEnv, regno: int, reg: RegState) -> None:
    """Unprivileged: the pointer must stay inside what it points to, or masking would mean nothing."""
    if reg.type == t.PTR_TO_STACK:
        var_off = reg.scalar.var_off
        off = reg.off + var_off.value
        off = ((off & U32) ^ 0x80000000) - 0x80000000
        if var_off.mask:
            text = tnum_str(var_off.value, var_off.mask)
            env.reject(UNPRIVILEGED_STACK_VARIABLE_OFFSET, regno, var_off=text, off=off)
        if off >= 0 or off < -o.MAX_BPF_STACK:
            env.reject(UNPRIVILEGED_STACK_ARITHMETIC, regno, off=off)
    elif reg.type == t.PTR_TO_MAP_VALUE:
        try:
            check_map_access(env, regno, reg.off, 1, False, ACCESS_HELPER)
        except Reject:
            env.reject(UNPRIVILEGED_MAP_VALUE_ARITHMETIC, regno)
