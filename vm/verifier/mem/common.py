"""Small questions about registers that every region asks, and the errors several of them share."""

from __future__ import annotations

from typing import Final

from vm.bits import S64_MIN
from vm.kernel.types import ACCESS_DIRECT, ACCESS_HELPER, BPF_READ, BPF_WRITE
from vm.verifier import need
from vm.verifier.domain.scalar import s32, s64
from vm.verifier.env import EACCES, VerifierEnv
from vm.verifier.report.state_text import reg_type_str, tnum_str
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

# Others take these from here.
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
    """Memory that may be read only."""
    return reg_type & t.MEM_RDONLY != 0


def assign_scalar_id_before_mov(env: VerifierEnv, regno: int) -> None:
    """Give a scalar an id before it is copied, so that bounds learnt about one copy hold for the other."""
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


def check_bounds(env: VerifierEnv, regno: int, off: int, size: int, mem_size: int, zero_size_allowed: bool) -> None:
    """__check_mem_access(): [off, off + size) must lie within `mem_size` bytes. Logs and raises Reject."""
    say_out_of_bounds(env, regno, off, size, mem_size, zero_size_allowed, "")


def say_out_of_bounds(
    env: VerifierEnv, regno: int, off: int, size: int, mem_size: int, zero_size_allowed: bool, more: str
) -> None:
    """The same; `more` is what the caller adds to the message."""
    off = s32(off)
    if off >= 0 and (size > 0 or (not size and zero_size_allowed)) and off + size <= mem_size:
        return
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type in _PACKETS:
        text = (
            f"invalid access to packet, off={off} size={size}, R{regno}(id={s32(reg.id)},off={off},r={s32(mem_size)})\n"
        )
    elif reg.type in _WHAT:
        text = f"invalid access to {_WHAT[reg.type]}={s32(mem_size)} off={off} size={size}\n"
    else:
        text = f"invalid access to memory, mem_size={mem_size} off={off} size={size}\n"
    env.verbose(text)
    packet = reg.type in _PACKETS
    needed = need.packet(regno, reg, off, size) if packet else need.region(off, off, size, mem_size)
    env.reject(EACCES, more, regno, needed=needed)


def check_mem_region_access(
    env: VerifierEnv, regno: int, off: int, size: int, mem_size: int, zero_size_allowed: bool
) -> None:
    """Access at regno + off, whatever the variable part of the register is, within `mem_size` bytes."""
    s = env.cur_state.frame[-1].regs[regno].scalar
    smin = s.smin
    if smin < 0 and (smin == S64_MIN or off + smin != s32(off + smin) or smin + off < 0):
        env.reject(
            EACCES,
            f"R{regno} min value is negative, either use unsigned index or do a if (index >=0) check.\n",
            regno,
            needed=need.not_negative(smin if smin == S64_MIN else smin + off),
        )
    say_out_of_bounds(
        env, regno, smin + off, size, mem_size, zero_size_allowed,
        f"R{regno} min value is outside of the allowed memory range\n",
    )  # fmt: skip
    if s.umax >= BPF_MAX_VAR_OFF:
        env.reject(
            EACCES, f"R{regno} unbounded memory access, make sure to bounds check any such access\n", regno,
            needed=need.upper_bound(s.umax, max(mem_size - size - off, 0)),
        )  # fmt: skip
    say_out_of_bounds(
        env, regno, s.umax + off, size, mem_size, zero_size_allowed,
        f"R{regno} max value is outside of the allowed memory range\n",
    )  # fmt: skip


def check_ptr_off_reg(env: VerifierEnv, reg: RegState, regno: int, fixed_off_ok: bool = False) -> None:
    """A pointer that must be as it was given: no variable offset, and no fixed one unless `fixed_off_ok`."""
    name = reg_type_str(reg.type)
    if reg.off < 0:
        env.reject(EACCES, f"negative offset {name} ptr R{regno} off={reg.off} disallowed\n", regno)
    if not fixed_off_ok and reg.off:
        env.reject(EACCES, f"dereference of modified {name} ptr R{regno} off={reg.off} disallowed\n", regno)
    tnum = reg.scalar.var_off
    if tnum.mask or tnum.value:
        env.reject(EACCES, f"variable {name} access var_off={tnum_text(reg)} disallowed\n", regno)
