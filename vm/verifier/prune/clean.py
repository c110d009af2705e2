"""Clearing registers and slots of a finished checkpoint that no path reads after it (clean_live_states())."""

from __future__ import annotations

from vm.isa.opcodes import MAX_BPF_REG, REG_FP
from vm.verifier.env import StateListEntry
from vm.verifier.prune.branches import get_loop_entry
from vm.verifier.prune.explored import same_callsites
from vm.verifier.state.frame import INVALID_SLOT, FuncState
from vm.verifier.state.reg import NOT_INIT_REG
from vm.verifier.state.reg_types import REG_LIVE_DONE, REG_LIVE_READ
from vm.verifier.state.vstate import VerifierState


def clean_live_states(chain: list[StateListEntry], insn_idx: int, cur: VerifierState) -> None:
    """Cleans the checkpoints of insn_idx whose branches, and those of their loop, are all finished."""
    for entry in chain:
        st = entry.state
        if st.branches or st.insn_idx != insn_idx:
            continue
        if st.loop_entry is not None:
            loop_entry = get_loop_entry(st)
            if loop_entry is not None and loop_entry.branches:
                continue
        if st.frame[0].live.marks[0] & REG_LIVE_DONE or not same_callsites(st, cur):
            continue
        for frame in st.frame:
            _clean_func_state(frame)


def _clean_func_state(frame: FuncState) -> None:
    marks = frame.live.marks
    for i in range(REG_FP):
        if not marks[i] & REG_LIVE_READ:
            frame.regs[i] = NOT_INIT_REG
        marks[i] = marks[i] | REG_LIVE_DONE
    for spi in range(len(frame.stack)):
        if not marks[MAX_BPF_REG + spi] & REG_LIVE_READ:
            frame.stack[spi] = INVALID_SLOT
        marks[MAX_BPF_REG + spi] = marks[MAX_BPF_REG + spi] | REG_LIVE_DONE
