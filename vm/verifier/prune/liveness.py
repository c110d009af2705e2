"""Liveness: read marks of registers and stack slots, propagated to the parents of a state up to a write mark.

A mark says that a checkpoint's continuation depends on the slot; pruning compares only such slots
(mark_reg_read() and check_reg_arg()).
"""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.types import DST_OP, DST_OP_NO_MARK, SRC_OP
from vm.verifier.env import VerifierEnv
from vm.verifier.report import need
from vm.verifier.rules.internal import READ_MARK_CONTRADICTS
from vm.verifier.rules.register import FRAME_POINTER_WRITE, REGISTER_NUMBER, REGISTER_UNINITIALIZED
from vm.verifier.state.frame import FuncState, LiveRow
from vm.verifier.state.reg import NOT_INIT_REG, UNKNOWN_REG, RegState, unknown_scalar
from vm.verifier.state.reg_types import (
    NOT_INIT,
    REG_LIVE_DONE,
    REG_LIVE_READ,
    REG_LIVE_READ32,
    REG_LIVE_READ64,
    REG_LIVE_WRITTEN,
    SCALAR_VALUE,
)

# For importing modules.
__all__ = ["DST_OP", "DST_OP_NO_MARK", "SRC_OP"]

# enum reg_arg_type

_ATOMIC32: Final = o.STX | o.ATOMIC | o.W

CALLER_SAVED_REGS: Final = 6
"""r0 to r5, which a call clears."""


def mark_read(env: VerifierEnv, row: LiveRow, idx: int, flag: int) -> None:
    """Slot `idx` of `row` (0-10: registers, 11 + spi: stack) is read: mark the checkpoints it descends from.

    flag -- REG_LIVE_READ64, or REG_LIVE_READ32 if only the low half is read.
    """
    parent = row.parents[idx]
    if parent is not None and not row.marks[idx] & REG_LIVE_WRITTEN:
        _walk(env, parent, row.parent_index(idx), flag)


def propagate_read(env: VerifierEnv, parent: LiveRow, idx: int, flag: int) -> None:
    """Slot `idx` of `parent` is read by a continuation of another path: no write mark stops the propagation."""
    _walk(env, parent, idx, flag)


def _walk(env: VerifierEnv, row: LiveRow, idx: int, flag: int) -> None:
    cnt = 0
    while True:
        marks = row.marks
        live = marks[idx]
        if live & REG_LIVE_DONE:
            env.reject(READ_MARK_CONTRADICTS)
        if live & REG_LIVE_READ == flag or live & REG_LIVE_READ64:
            break
        # A read of all 64 bits replaces one of 32.
        marks[idx] = (live & ~REG_LIVE_READ32 | flag) if flag == REG_LIVE_READ64 else live | flag
        cnt += 1
        parent = row.parents[idx]
        if parent is None or live & REG_LIVE_WRITTEN:
            break
        idx = row.parent_index(idx)
        row = parent
    if cnt > env.longest_mark_read_walk:
        env.longest_mark_read_walk = cnt


def mark_stack_slot_read(env: VerifierEnv, frame: FuncState, spi: int) -> None:
    """The whole of stack slot `spi` (fp-8*(spi+1)) of `frame` is read."""
    if env.journal is not None:
        env.journal.slot_read(env.step, frame.frameno, spi)
    mark_read(env, frame.live, o.MAX_BPF_REG + spi, REG_LIVE_READ64)


def reads_64(insn: Insn, reg: RegState) -> bool:
    """is_reg64() for a source operand: whether `insn` reads more than the low half of `reg`."""
    code = insn.code
    cls = code & 0x07
    if cls == o.ALU64:
        return not (code & 0xF0 == o.END and insn.imm in (16, 32))
    if cls == o.JMP:
        return not (code & 0xF0 == o.CALL and insn.src_reg == o.PSEUDO_CALL)
    if cls == o.ALU:
        return code & 0xF0 == o.END and insn.imm == 64
    if cls == o.JMP32:
        return False
    if cls == o.STX:
        return reg.type != SCALAR_VALUE or code & 0x18 == o.DW
    return True


def mark_exchange_zext(env: VerifierEnv, frame: FuncState) -> None:
    """mark_insn_zext() for r0 after a 32-bit compare-and-exchange: the upper half is read too."""
    env.aux[frame.r0_exchanged - 1].zext_dst = True
    frame.r0_exchanged = 0


def check_reg_arg(env: VerifierEnv, regno: int, t: int) -> None:
    """check_reg_arg(): register `regno` of the current frame is an operand; t is SRC_OP, DST_OP or DST_OP_NO_MARK."""
    check_frame_reg_arg(env, env.cur_state.frame[-1], regno, t)


def check_frame_reg_arg(env: VerifierEnv, frame: FuncState, regno: int, t: int) -> None:
    """__check_reg_arg(): the same for any frame (a callee being set up)."""
    if regno >= o.MAX_BPF_REG:
        env.reject(REGISTER_NUMBER, regno)
    env.scratched_regs |= 1 << regno
    if t == SRC_OP:
        reg = frame.regs[regno]
        if reg.type == NOT_INIT:
            env.reject(REGISTER_UNINITIALIZED, regno, needed=need.written(regno))
        if regno == o.REG_FP:
            return
        if regno == 0 and frame.r0_exchanged and reads_64(env.insns[env.insn_idx], reg):
            mark_exchange_zext(env, frame)
        row = frame.live
        parent = row.parents[regno]
        if parent is not None and not row.marks[regno] & REG_LIVE_WRITTEN:
            flag = REG_LIVE_READ64 if reads_64(env.insns[env.insn_idx], reg) else REG_LIVE_READ32
            _walk(env, parent, row.parent_index(regno), flag)
        return
    if regno == o.REG_FP:
        env.reject(FRAME_POINTER_WRITE, regno)
    marks = frame.live.marks
    marks[regno] = marks[regno] | REG_LIVE_WRITTEN
    if regno == 0:
        insn = env.insns[env.insn_idx]
        frame.r0_exchanged = env.insn_idx + 1 if insn.code == _ATOMIC32 and insn.imm == o.CMPXCHG else 0
    if t == DST_OP:
        mark_reg_unknown(env, frame.regs, regno)


def mark_reg_unknown(env: VerifierEnv, regs: list[RegState], regno: int) -> None:
    """mark_reg_unknown(): any number; precise from the start for the unprivileged."""
    regs[regno] = UNKNOWN_REG if env.bpf_capable else unknown_scalar(True)


def clear_caller_saved_regs(env: VerifierEnv, frame: FuncState) -> None:
    """clear_caller_saved_regs(): after a call r0-r5 have no value, and are marked as written."""
    regs = frame.regs
    marks = frame.live.marks
    for regno in range(CALLER_SAVED_REGS):
        regs[regno] = NOT_INIT_REG
        marks[regno] = marks[regno] | REG_LIVE_WRITTEN
    env.scratched_regs |= (1 << CALLER_SAVED_REGS) - 1
    frame.r0_exchanged = 0


def is_pointer_value(env: VerifierEnv, regno: int) -> bool:
    """is_pointer_value(): whether using the register's value would leak an address."""
    return not env.allow_ptr_leaks and env.cur_state.frame[-1].regs[regno].type != SCALAR_VALUE
