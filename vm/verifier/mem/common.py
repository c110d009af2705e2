"""Checks of registers, and rejections, that several memory regions have in common."""

from __future__ import annotations

from typing import Final

from vm.bits import S64_MIN
from vm.isa.insn import Insn
from vm.kernel.types import ACCESS_DIRECT, ACCESS_HELPER, BPF_READ, BPF_WRITE
from vm.verifier.domain.scalar import s32, s64
from vm.verifier.env import VerifierEnv
from vm.verifier.report import need
from vm.verifier.report.state_text import reg_type_str, tnum_str
from vm.verifier.rules.memory import (
    MEMORY_ACCESS_OUT_OF_RANGE_MAX,
    MEMORY_ACCESS_OUT_OF_RANGE_MIN,
    OFFSET_MAY_BE_NEGATIVE,
    OFFSET_UNBOUNDED,
    POINTER_MODIFIED,
    POINTER_OFFSET_NEGATIVE,
    POINTER_OFFSET_VARIABLE,
)
from vm.verifier.rules.rule import Rule
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState, known_scalar

# For importing modules.
__all__ = ["ACCESS_DIRECT", "ACCESS_HELPER", "BPF_READ", "BPF_WRITE"]

BPF_MAX_VAR_OFF: Final = 1 << 29
BPF_MAX_VAR_SIZ: Final = 1 << 29

_WHAT: Final = {
    t.PTR_TO_MAP_KEY: "map key, key_size",
    t.PTR_TO_MAP_VALUE: "map value, value_size",
}
_PACKETS: Final = frozenset({t.PTR_TO_PACKET, t.PTR_TO_PACKET_META, t.PTR_TO_PACKET_END})


def tnum_text(reg: RegState) -> str:
    """tnum_strn() of the register's known bits."""
    return tnum_str(reg.scalar.var_off.value, reg.scalar.var_off.mask)


def const_off(reg: RegState) -> int:
    """The known variable offset of a pointer as a signed number."""
    return s64(reg.scalar.var_off.value)


def register_is_null(reg: RegState) -> bool:
    """register_is_null(): a number known to be zero."""
    tnum = reg.scalar.var_off
    return reg.type == t.SCALAR_VALUE and not tnum.value and not tnum.mask


def type_is_rdonly_mem(reg_type: int) -> bool:
    """Whether the type is read-only memory."""
    return reg_type & t.MEM_RDONLY != 0


def immediate(env: VerifierEnv, insn: Insn) -> RegState:
    """The sign-extended immediate of the current instruction as a register."""
    reg = env.imm_regs[env.insn_idx]
    if reg is None:
        reg = env.imm_regs[env.insn_idx] = known_scalar(insn.imm)
    return reg


def assign_scalar_id_before_mov(env: VerifierEnv, regno: int) -> None:
    """Gives a scalar an id before it is copied, so that bounds of one copy apply to the other."""
    regs = env.cur_state.frame[-1].regs
    reg = regs[regno]
    if reg.type != t.SCALAR_VALUE:
        return
    if reg.id & t.BPF_ADD_CONST:
        reg = reg.clone()
        reg.id = reg.off = 0
        regs[regno] = reg
    if not reg.id and reg.scalar.var_off.mask:
        reg = reg.clone()
        reg.id = env.new_id()
        regs[regno] = reg


def check_bounds(
    env: VerifierEnv, rule: Rule, regno: int, off: int, size: int, mem_size: int, zero_size_allowed: bool
) -> None:
    """__check_mem_access(): [off, off + size) must lie within `mem_size` bytes.

    rule -- PACKET_ACCESS_OUT_OF_RANGE for packets, else one of MEMORY_ACCESS_OUT_OF_RANGE_MIN and …_MAX.
    """
    off = s32(off)
    if off >= 0 and (size > 0 or (not size and zero_size_allowed)) and off + size <= mem_size:
        return
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type in _PACKETS:
        needed = need.packet(regno, reg, off, size, env.program.prog_type)
        env.reject(rule, regno, needed=needed, off=off, size=size, id=s32(reg.id), range=s32(mem_size))
    known = reg.type in _WHAT
    env.reject(
        rule, regno, needed=need.region(off, off, size, mem_size), off=off, size=size,
        memory=_WHAT[reg.type] if known else "memory, mem_size", memory_size=s32(mem_size) if known else mem_size,
    )  # fmt: skip


def check_mem_region_access(
    env: VerifierEnv, regno: int, off: int, size: int, mem_size: int, zero_size_allowed: bool
) -> None:
    """check_mem_region_access(): regno + off must be within `mem_size` bytes for all values of the variable part."""
    s = env.cur_state.frame[-1].regs[regno].scalar
    smin = s.smin
    if smin < 0 and (smin == S64_MIN or off + smin != s32(off + smin) or smin + off < 0):
        env.reject(OFFSET_MAY_BE_NEGATIVE, regno, needed=need.not_negative(smin if smin == S64_MIN else smin + off))
    check_bounds(env, MEMORY_ACCESS_OUT_OF_RANGE_MIN, regno, smin + off, size, mem_size, zero_size_allowed)
    if s.umax >= BPF_MAX_VAR_OFF:
        env.reject(OFFSET_UNBOUNDED, regno, needed=need.upper_bound(s.umax, max(mem_size - size - off, 0)))  # fmt: skip
    check_bounds(env, MEMORY_ACCESS_OUT_OF_RANGE_MAX, regno, s.umax + off, size, mem_size, zero_size_allowed)


def check_ptr_off_reg(env: VerifierEnv, reg: RegState, regno: int, fixed_off_ok: bool = False) -> None:
    """__check_ptr_off_reg(): rejects pointers with a variable offset, or with a fixed one unless `fixed_off_ok`."""
    name = reg_type_str(reg.type)
    if reg.off < 0:
        env.reject(POINTER_OFFSET_NEGATIVE, regno, type=name, off=reg.off)
    if not fixed_off_ok and reg.off:
        env.reject(POINTER_MODIFIED, regno, type=name, off=reg.off)
    tnum = reg.scalar.var_off
    if tnum.mask or tnum.value:
        env.reject(POINTER_OFFSET_VARIABLE, regno, type=name, var_off=tnum_text(reg))
