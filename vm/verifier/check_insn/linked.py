"""Scalars that are copies of one another (same id), or at a constant distance: bounds found for one hold for all.

collect_linked_regs() and sync_linked_regs().
"""

from __future__ import annotations

from vm.isa.opcodes import REG_FP
from vm.verifier.domain.arith import shift_linked
from vm.verifier.prune.backtrack import LINKED_REGS_MAX
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import BPF_ADD_CONST, SCALAR_VALUE
from vm.verifier.state.vstate import VerifierState

LinkedReg = tuple[int, int, bool]
"""Frame, register number or stack slot index, whether it is a register."""


def _without_id(reg: RegState) -> RegState:
    r = reg.clone()
    r.id = 0
    r.off = 0
    return r


def collect_linked_regs(state: VerifierState, reg_id: int, linked: list[LinkedReg]) -> None:
    """Appends every holder of `reg_id`; those past the sixth lose their id."""
    reg_id &= ~BPF_ADD_CONST
    for frameno in range(state.curframe, -1, -1):
        frame = state.frame[frameno]
        regs = frame.regs
        for i in range(REG_FP):
            reg = regs[i]
            if reg.type == SCALAR_VALUE and reg.id & ~BPF_ADD_CONST == reg_id:
                if len(linked) < LINKED_REGS_MAX:
                    linked.append((frameno, i, True))
                else:
                    regs[i] = _without_id(reg)
        for i, slot in enumerate(frame.stack):
            reg = slot.spilled_ptr
            if reg.type == SCALAR_VALUE and reg.id & ~BPF_ADD_CONST == reg_id and slot.is_spill():
                if len(linked) < LINKED_REGS_MAX:
                    linked.append((frameno, i, False))
                else:
                    frame.stack[i] = StackSlot(slot.slot_type, _without_id(reg))


def sync_linked_regs(state: VerifierState, regno: int, linked: list[LinkedReg]) -> None:
    """Copies the bounds of register `regno` of the current frame to the registers and slots linked with it."""
    curframe = state.curframe
    known = state.frame[curframe].regs[regno]
    for frameno, idx, is_reg in linked:
        frame = state.frame[frameno]
        if is_reg:
            if frameno == curframe and idx == regno:
                continue
            reg = frame.regs[idx]
        else:
            reg = frame.stack[idx].spilled_ptr
        if reg.type != SCALAR_VALUE or (reg.id ^ known.id) & ~BPF_ADD_CONST:
            continue
        if not (reg.id | known.id) & BPF_ADD_CONST or reg.off == known.off:
            r = known
        else:
            r = known.clone()
            r.off = reg.off
            r.id = reg.id
            r.scalar = shift_linked(known.scalar, reg.off - known.off)
        if is_reg:
            frame.regs[idx] = r
        else:
            frame.stack[idx] = StackSlot(frame.stack[idx].slot_type, r)
