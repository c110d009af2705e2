"""Checks of stack ranges: bounds, and initialisation for reads."""

from __future__ import annotations

from typing import Final, Protocol

from vm.isa.opcodes import MAX_BPF_STACK
from vm.kernel.errno import EACCES, EFAULT, EINVAL
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import (
    ACCESS_HELPER,
    BPF_MAX_VAR_OFF,
    BPF_READ,
    BPF_WRITE,
    const_off,
    tnum_text,
)
from vm.verifier.mem.slots import scrubbed, set_slot_byte
from vm.verifier.prune.liveness import mark_stack_slot_read
from vm.verifier.report import need
from vm.verifier.rules.lifetime import DYNPTR_SLOT_WRITE
from vm.verifier.rules.memory import (
    STACK_ACCESS_OUT_OF_RANGE,
    STACK_ACCESS_UNBOUNDED,
    STACK_ACCESS_VARIABLE_OUT_OF_RANGE,
    STACK_INDIRECT_READ_UNINITIALIZED,
    ZERO_SIZED_READ,
)
from vm.verifier.rules.policy import UNPRIVILEGED_VARIABLE_STACK_ACCESS
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import FuncState, StackSlot
from vm.verifier.state.reg import unknown_scalar


class RawAccess(Protocol):
    """The part of struct bpf_call_arg_meta that memory checks use."""

    raw_mode: bool
    access_size: int
    regno: int


_INDIRECT: Final = " indirect access to"


def grow_stack(env: VerifierEnv, state: FuncState, size: int) -> None:
    """grow_stack_state(), and records the stack depth of the function."""
    before = len(state.stack)
    state.grow_stack(size)
    if len(state.stack) > before:
        info = env.subprogs[state.subprogno]
        info.stack_depth = max(info.stack_depth, state.allocated_stack)


def check_stack_access_within_bounds(
    env: VerifierEnv, regno: int, off: int, access_size: int, src: int, access: int
) -> None:
    """Checks that an access at regno + off is within the frame's 512 bytes; grows the stack. `off`: the fixed part."""
    reg = env.cur_state.frame[-1].regs[regno]
    state = env.func(reg)
    if src == ACCESS_HELPER:
        # Helpers may read, write or both.
        extra = _INDIRECT
    else:
        extra = " read from" if access == BPF_READ else " write to"
    fixed = not reg.scalar.var_off.mask
    if fixed:
        min_off = const_off(reg) + off
        max_off = min_off + access_size
    else:
        if reg.scalar.smax >= BPF_MAX_VAR_OFF or reg.scalar.smin <= -BPF_MAX_VAR_OFF:
            env.reject(STACK_ACCESS_UNBOUNDED, regno, access=extra)
        min_off = reg.scalar.smin + off
        max_off = reg.scalar.smax + off + access_size
    lowest = -MAX_BPF_STACK if access == BPF_WRITE or env.allow_uninit_stack else -state.allocated_stack
    error = 0
    if min_off < lowest or min_off > -1:
        error = EACCES
    elif max_off > 0:
        error = EINVAL
    elif access_size < 0:
        error = EFAULT
    if error:
        needed = need.stack_place(min_off, min_off if fixed else max_off - access_size, access_size)
        if fixed:
            env.reject(
                STACK_ACCESS_OUT_OF_RANGE, regno, needed=needed, errno=error, access=extra, off=off, size=access_size
            )
        env.reject(
            STACK_ACCESS_VARIABLE_OUT_OF_RANGE, regno, needed=needed, errno=error, access=extra,
            var_off=tnum_text(reg), off=off, size=access_size,
        )  # fmt: skip
    grow_stack(env, state, -min_off)


def check_stack_range_initialized(
    env: VerifierEnv,
    regno: int,
    off: int,
    access_size: int,
    zero_size_allowed: bool,
    src: int,
    meta: RawAccess | None,
) -> None:
    """Checks that every byte of the range is readable, and marks its slots as read; helpers may write it too.

    With meta.raw_mode the range may be uninitialised: it is recorded, and the caller marks it as written.
    """
    if not access_size and not zero_size_allowed:
        env.reject(ZERO_SIZED_READ, regno)
    reg = env.cur_state.frame[-1].regs[regno]
    clobber = src == ACCESS_HELPER
    check_stack_access_within_bounds(env, regno, off, access_size, src, BPF_WRITE if clobber else BPF_READ)
    state = env.func(reg)
    if not reg.scalar.var_off.mask:
        min_off = max_off = const_off(reg) + off
    else:
        if not env.bypass_spec_v1:
            extra = " indirect" if clobber else ""
            env.reject(UNPRIVILEGED_VARIABLE_STACK_ACCESS, regno, access=extra, var_off=tnum_text(reg))
        # It would not be known which bytes were written.
        meta = None
        min_off, max_off = reg.scalar.smin + off, reg.scalar.smax + off
    if meta is not None and meta.raw_mode:
        for i in range(min_off, max_off + access_size):
            spi, byte = (-i - 1) // 8, (-i - 1) % 8
            if spi < len(state.stack) and state.stack[spi].slot_type[byte] == t.STACK_DYNPTR:
                env.reject(DYNPTR_SLOT_WRITE, off=i, spi=spi, frame=state.frameno)
        meta.access_size = access_size
        meta.regno = regno
        return
    for i in range(min_off, max_off + access_size):
        if not _check_byte(env, state, i, clobber):
            extra = " indirect" if clobber else ""
            where = f"off {min_off}+" if not reg.scalar.var_off.mask else f"var_off {tnum_text(reg)}+"
            env.reject(
                STACK_INDIRECT_READ_UNINITIALIZED,
                regno,
                access=extra,
                where=where,
                i=i - min_off,
                size=access_size,
                spi=(-i - 1) // 8,
                frame=state.frameno,
                needed=need.stack_byte(i, state.stack[(-i - 1) // 8].slot_type[(-i - 1) % 8]),
            )


def _check_byte(env: VerifierEnv, state: FuncState, i: int, clobber: bool) -> bool:
    """Whether the byte at fp + i is initialised; marks it as overwritten if `clobber`."""
    spi, byte = (-i - 1) // 8, (-i - 1) % 8
    slot = state.stack[spi]
    kind = slot.slot_type[byte]
    if kind == t.STACK_MISC:
        pass
    elif kind == t.STACK_ZERO or (kind == t.STACK_INVALID and env.allow_uninit_stack):
        if clobber:
            set_slot_byte(state, spi, byte, t.STACK_MISC)
    elif slot.is_spill() and (slot.spilled_ptr.type == t.SCALAR_VALUE or env.allow_ptr_leaks):
        if clobber:
            state.stack[spi] = StackSlot(scrubbed(slot.slot_type), unknown_scalar(not env.bpf_capable))
    else:
        return False
    mark_stack_slot_read(env, state, spi)
    return True
