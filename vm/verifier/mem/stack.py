"""Stack reads and writes by instructions: spills, fills, and bytes (check_stack_read, check_stack_write)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as op
from vm.isa.insn import Insn
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import (
    ACCESS_DIRECT,
    assign_scalar_id_before_mov,
    const_off,
    register_is_null,
    tnum_text,
)
from vm.verifier.mem.dynptr_slots import destroy_if_dynptr_stack_slot
from vm.verifier.mem.slots import (
    ALL_SPILL,
    check_fastcall_stack_contract,
    is_spilled_scalar_reg,
    scrub_special_slot,
    set_slot_byte,
)
from vm.verifier.mem.stack_range import check_stack_range_initialized
from vm.verifier.prepass.subprogs import subprog_end
from vm.verifier.prune.backtrack import insn_stack_access_flags, mark_chain_precision, push_insn_history
from vm.verifier.prune.liveness import mark_reg_unknown, mark_stack_slot_read
from vm.verifier.report import need
from vm.verifier.rules.memory import (
    REGISTER_FILL_SIZE,
    REGISTER_SPILL_SIZE,
    SPILL_OF_STACK_POINTER_TO_CALLER,
    SPILLED_POINTER_IN_VARIABLE_WRITE,
    STACK_READ_UNINITIALIZED,
)
from vm.verifier.rules.policy import (
    POINTER_LEAK_FROM_STACK,
    SPILLED_POINTER_CORRUPTED,
    UNPRIVILEGED_UNINITIALIZED_STACK_WRITE,
    UNPRIVILEGED_VARIABLE_STACK_ARGUMENT,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import FuncState, SlotTypes, StackSlot
from vm.verifier.state.reg import RegState, known_scalar

_STACK: Final = op.MAX_BPF_REG

SPILLABLE: Final = frozenset(
    {
        t.PTR_TO_MAP_VALUE, t.PTR_TO_STACK, t.PTR_TO_CTX, t.PTR_TO_PACKET, t.PTR_TO_PACKET_META, t.PTR_TO_PACKET_END,
        t.PTR_TO_FLOW_KEYS, t.CONST_PTR_TO_MAP, t.PTR_TO_SOCKET, t.PTR_TO_SOCK_COMMON, t.PTR_TO_TCP_SOCK,
        t.PTR_TO_XDP_SOCK, t.PTR_TO_BTF_ID, t.PTR_TO_BUF, t.PTR_TO_MEM, t.PTR_TO_FUNC, t.PTR_TO_MAP_KEY,
        t.PTR_TO_ARENA,
    }
)  # fmt: skip


def is_spillable_regtype(reg_type: int) -> bool:
    """is_spillable_regtype(): pointers that can be spilled; others become unknown numbers."""
    return reg_type & t.BPF_BASE_TYPE_MASK in SPILLABLE


def _is_st_mem(insn: Insn) -> bool:
    return insn.code & 0xE7 == op.ST | op.MEM


def _save_register_state(state: FuncState, spi: int, reg: RegState, size: int) -> None:
    """save_register_state(): stores the low `size` bytes of `reg` in slot `spi`; the other bytes become unknown."""
    if size == 8:
        state.live.marks[_STACK + spi] |= t.REG_LIVE_WRITTEN
        state.stack[spi] = StackSlot(ALL_SPILL, reg)
        return
    old = state.stack[spi].slot_type
    kept = tuple(x if x in (t.STACK_ZERO, t.STACK_INVALID) else t.STACK_MISC for x in old[: 8 - size])
    types: SlotTypes = kept + (t.STACK_SPILL,) * size
    state.stack[spi] = StackSlot(types, reg)


def _check_corruption(env: VerifierEnv, state: FuncState, spi: int, size: int) -> None:
    slot = state.stack[spi]
    if not env.allow_ptr_leaks and slot.is_spill() and not is_spilled_scalar_reg(slot) and size != 8:
        env.reject(SPILLED_POINTER_CORRUPTED, spi=spi, frame=state.frameno)


def _note_sanitation(
    env: VerifierEnv, state: FuncState, off: int, size: int, reg: RegState | None, insn_idx: int
) -> None:
    """Spectre v4: a store over something that was not plain data must not be bypassed."""
    if env.bypass_spec_v4:
        return
    slot = -off - 1
    types = state.stack[slot // 8].slot_type
    plain = (t.STACK_MISC, t.STACK_ZERO)
    if (reg is not None and is_spillable_regtype(reg.type)) or any(
        types[(slot - i) % 8] not in plain for i in range(size)
    ):
        env.aux[insn_idx].sanitize_stack_spill = True


def check_stack_write_fixed_off(
    env: VerifierEnv, state: FuncState, off: int, size: int, value_regno: int, insn_idx: int
) -> None:
    """Store `size` bytes of a register (-1: of an unknown or immediate value) at fp + off of frame `state`."""
    insn = env.insns[insn_idx]
    spi = (-off - 1) // 8
    _check_corruption(env, state, spi, size)
    cur = env.cur_state.frame[-1]
    reg = cur.regs[value_regno] if value_regno >= 0 else None
    _note_sanitation(env, state, off, size, reg, insn_idx)
    destroy_if_dynptr_stack_slot(env, state, spi)
    check_fastcall_stack_contract(env, state, insn_idx, off, subprog_end(env, state.subprogno))
    env.mark_stack_slot_scratched(spi)
    if reg is not None and not off % 8 and reg.type == t.SCALAR_VALUE and env.bpf_capable:
        if reg.scalar.umax.bit_length() <= 8 * size:
            assign_scalar_id_before_mov(env, value_regno)
            reg = cur.regs[value_regno]
        elif reg.id:
            # A narrowing spill stores a different number.
            reg = reg.clone()
            reg.id = 0
        _save_register_state(state, spi, reg, size)
    elif reg is None and not off % 8 and _is_st_mem(insn) and env.bpf_capable:
        _save_register_state(state, spi, known_scalar(insn.imm), size)
    elif reg is not None and is_spillable_regtype(reg.type):
        if size != 8:
            env.reject(REGISTER_SPILL_SIZE, value_regno)
        if state is not cur and reg.type == t.PTR_TO_STACK:
            env.reject(SPILL_OF_STACK_POINTER_TO_CALLER, value_regno)
        _save_register_state(state, spi, reg, size)
    else:
        _write_bytes(env, state, off, size, value_regno, insn)
        return
    push_insn_history(env, env.cur_state, insn_stack_access_flags(state.frameno, spi), 0)


def _write_bytes(env: VerifierEnv, state: FuncState, off: int, size: int, value_regno: int, insn: Insn) -> None:
    """A store that is not a spill: the bytes become data, or zeros."""
    spi = (-off - 1) // 8
    scrub_special_slot(state, spi)
    # Partial writes do not stop reads from being propagated.
    if size == 8:
        state.live.marks[_STACK + spi] |= t.REG_LIVE_WRITTEN
    kind = t.STACK_MISC
    if value_regno >= 0:
        if register_is_null(env.cur_state.frame[-1].regs[value_regno]):
            # The slot does not record the register of its zero.
            mark_chain_precision(env, value_regno, "zero_slot")
            kind = t.STACK_ZERO
    elif _is_st_mem(insn) and not insn.imm:
        kind = t.STACK_ZERO
    slot = -off - 1
    for i in range(size):
        set_slot_byte(state, spi, (slot - i) % 8, kind)


def check_stack_write_var_off(
    env: VerifierEnv, state: FuncState, ptr_regno: int, off: int, size: int, value_regno: int, insn_idx: int
) -> None:
    """A store at a variable offset: each byte of the range may have changed."""
    regs = env.cur_state.frame[-1].regs
    ptr = regs[ptr_regno].scalar
    min_off, max_off = ptr.smin + off, ptr.smax + off + size
    insn = env.insns[insn_idx]
    if value_regno >= 0:
        writing_zero = register_is_null(regs[value_regno])
    else:
        writing_zero = _is_st_mem(insn) and not insn.imm
    for i in range(min_off, max_off):
        destroy_if_dynptr_stack_slot(env, state, (-i - 1) // 8)
    check_fastcall_stack_contract(env, state, insn_idx, min_off, subprog_end(env, state.subprogno))
    zero_used = False
    for i in range(min_off, max_off):
        zero_used |= _maybe_write_byte(env, state, i, writing_zero, insn_idx)
    if zero_used and value_regno >= 0:
        mark_chain_precision(env, value_regno, "zero_bytes")


def _maybe_write_byte(env: VerifierEnv, state: FuncState, i: int, writing_zero: bool, insn_idx: int) -> bool:
    """Checks a write of the byte at fp + i; true if the store relies on the value being zero."""
    spi, byte = (-i - 1) // 8, (-i - 1) % 8
    slot = state.stack[spi]
    kind = slot.slot_type[byte]
    env.mark_stack_slot_scratched(spi)
    if not env.allow_ptr_leaks and kind not in (t.STACK_MISC, t.STACK_ZERO):
        env.reject(SPILLED_POINTER_IN_VARIABLE_WRITE, insn=insn_idx, off=i, spi=spi, frame=state.frameno)
    if writing_zero and kind == t.STACK_SPILL and is_spilled_scalar_reg(slot):
        tnum = slot.spilled_ptr.scalar.var_off
        if not tnum.mask and not tnum.value:
            return True
    scrub_special_slot(state, spi)
    kind = state.stack[spi].slot_type[byte]
    keeps_zero = writing_zero and kind == t.STACK_ZERO
    if kind == t.STACK_INVALID and not env.allow_uninit_stack:
        env.reject(UNPRIVILEGED_UNINITIALIZED_STACK_WRITE, insn=insn_idx, off=i, spi=spi, frame=state.frameno)
    set_slot_byte(state, spi, byte, t.STACK_ZERO if keeps_zero else t.STACK_MISC)
    return keeps_zero


def _set_dst(env: VerifierEnv, dst_regno: int, reg: RegState) -> None:
    cur = env.cur_state.frame[-1]
    cur.regs[dst_regno] = reg
    cur.live.marks[dst_regno] |= t.REG_LIVE_WRITTEN


def _const_zero(env: VerifierEnv) -> RegState:
    """__mark_reg_const_zero(): zero, precise from the start for the unprivileged."""
    reg = known_scalar(0)
    reg.precise = not env.bpf_capable
    return reg


def _mark_reg_stack_read(env: VerifierEnv, state: FuncState, min_off: int, max_off: int, dst_regno: int) -> None:
    """The value of a register that is read from bytes: zero if all bytes are zero, else unknown."""
    zeros = 0
    for i in range(min_off, max_off):
        slot = -i - 1
        env.mark_stack_slot_scratched(slot // 8)
        if state.stack[slot // 8].slot_type[slot % 8] != t.STACK_ZERO:
            break
        zeros += 1
    cur = env.cur_state.frame[-1]
    if zeros == max_off - min_off:
        cur.regs[dst_regno] = _const_zero(env)
    else:
        mark_reg_unknown(env, cur.regs, dst_regno)
    cur.live.marks[dst_regno] |= t.REG_LIVE_WRITTEN


def check_stack_read_fixed_off(env: VerifierEnv, state: FuncState, off: int, size: int, dst_regno: int) -> None:
    """Load `size` bytes at fp + off of frame `state` into a register (-1: into none)."""
    spi = (-off - 1) // 8
    env.mark_stack_slot_scratched(spi)
    # The fastcall contract is that of the current function, also for pointers to other frames.
    cur = env.cur_state.frame[-1]
    check_fastcall_stack_contract(env, cur, env.insn_idx, off, subprog_end(env, cur.subprogno))
    slot = state.stack[spi]
    fills = False
    if slot.is_spill():
        spill_size = 1
        while spill_size < 8 and slot.slot_type[7 - spill_size] == t.STACK_SPILL:
            spill_size += 1
        if size != 8 or spill_size != 8:
            if slot.spilled_ptr.type != t.SCALAR_VALUE:
                env.reject(REGISTER_FILL_SIZE, spi=spi, frame=state.frameno)
            mark_stack_slot_read(env, state, spi)
            if dst_regno < 0:
                return
            fills = _fill_part(env, slot, off, size, spill_size, dst_regno, state.frameno)
        elif dst_regno >= 0:
            _set_dst(env, dst_regno, slot.spilled_ptr)
            fills = True
        elif not env.allow_ptr_leaks and slot.spilled_ptr.type != t.SCALAR_VALUE:
            env.reject(POINTER_LEAK_FROM_STACK, off=off, spi=spi, frame=state.frameno)
        else:
            fills = True
        mark_stack_slot_read(env, state, spi)
    else:
        _check_readable(env, slot, off, size, False, state.frameno)
        mark_stack_slot_read(env, state, spi)
        if dst_regno >= 0:
            _mark_reg_stack_read(env, state, off, off + size, dst_regno)
    if fills:
        push_insn_history(env, env.cur_state, insn_stack_access_flags(state.frameno, spi), 0)


def _check_readable(env: VerifierEnv, slot: StackSlot, off: int, size: int, spilled_ok: bool, frameno: int) -> None:
    first = -off - 1
    for i in range(size):
        kind = slot.slot_type[(first - i) % 8]
        if kind in (t.STACK_MISC, t.STACK_ZERO) or (kind == t.STACK_INVALID and env.allow_uninit_stack):
            continue
        if kind == t.STACK_SPILL and spilled_ok:
            continue
        env.reject(
            STACK_READ_UNINITIALIZED,
            off=off,
            i=i,
            size=size,
            spi=first // 8,
            frame=frameno,
            needed=need.stack_byte(off + i, kind),
        )


def _fill_part(
    env: VerifierEnv, slot: StackSlot, off: int, size: int, spill_size: int, dst_regno: int, frameno: int
) -> bool:
    """Loads a part of a spilled scalar, or more than was spilled; true if the result is the spilled value."""
    reg = slot.spilled_ptr
    if size <= spill_size and not off % 8:
        if reg.scalar.umax.bit_length() > size * 8:
            # A narrowing fill is a different number, whose bounds the caller truncates.
            reg = reg.clone()
            reg.id = reg.off = 0
        _set_dst(env, dst_regno, reg)
        return True
    first = -off - 1
    kinds = [slot.slot_type[(first - i) % 8] for i in range(size)]
    _check_readable(env, slot, off, size, True, frameno)
    tnum = reg.scalar.var_off
    if kinds.count(t.STACK_SPILL) == size and not tnum.mask and not tnum.value:
        _set_dst(env, dst_regno, _const_zero(env))
        return True
    if kinds.count(t.STACK_ZERO) == size:
        _set_dst(env, dst_regno, _const_zero(env))
        return False
    mark_reg_unknown(env, env.cur_state.frame[-1].regs, dst_regno)
    env.cur_state.frame[-1].live.marks[dst_regno] |= t.REG_LIVE_WRITTEN
    return False


def check_stack_read_var_off(env: VerifierEnv, ptr_regno: int, off: int, size: int, dst_regno: int) -> None:
    """A load at a variable offset, which restores no spilled register."""
    reg = env.cur_state.frame[-1].regs[ptr_regno]
    state = env.func(reg)
    check_stack_range_initialized(env, ptr_regno, off, size, False, ACCESS_DIRECT, None)
    min_off, max_off = reg.scalar.smin + off, reg.scalar.smax + off
    _mark_reg_stack_read(env, state, min_off, max_off + size, dst_regno)
    check_fastcall_stack_contract(env, state, env.insn_idx, min_off, subprog_end(env, state.subprogno))


def check_stack_read(env: VerifierEnv, ptr_regno: int, off: int, size: int, dst_regno: int) -> None:
    """`off` includes the pointer's fixed offset; the range has been checked."""
    reg = env.cur_state.frame[-1].regs[ptr_regno]
    if not reg.scalar.var_off.mask:
        check_stack_read_fixed_off(env, env.func(reg), off + const_off(reg), size, dst_regno)
        return
    if dst_regno < 0:
        env.reject(UNPRIVILEGED_VARIABLE_STACK_ARGUMENT, ptr_regno, var_off=tnum_text(reg), off=off, size=size)
    check_stack_read_var_off(env, ptr_regno, off, size, dst_regno)


def check_stack_write(env: VerifierEnv, ptr_regno: int, off: int, size: int, value_regno: int, insn_idx: int) -> None:
    """`off` includes the pointer's fixed offset; the range has been checked."""
    reg = env.cur_state.frame[-1].regs[ptr_regno]
    state = env.func(reg)
    if not reg.scalar.var_off.mask:
        check_stack_write_fixed_off(env, state, off + const_off(reg), size, value_regno, insn_idx)
    else:
        check_stack_write_var_off(env, state, ptr_regno, off, size, value_regno, insn_idx)
