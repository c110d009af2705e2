"""Propagates reads and precision from a checkpoint to a path that it covers."""

from __future__ import annotations

from vm.isa.opcodes import MAX_BPF_REG, REG_FP
from vm.verifier.env import VerifierEnv
from vm.verifier.events import BPF_LOG_LEVEL2
from vm.verifier.prune.backtrack import mark_chain_precision_batch
from vm.verifier.prune.liveness import mark_exchange_zext, mark_read, propagate_read
from vm.verifier.state.frame import LiveRow
from vm.verifier.state.reg_types import REG_LIVE_READ, REG_LIVE_READ64, SCALAR_VALUE
from vm.verifier.state.vstate import VerifierState


def propagate_liveness(env: VerifierEnv, old: VerifierState, cur: VerifierState) -> None:
    """propagate_liveness(): slots `old`'s continuation read count as read by `cur` and its parents.

    The path to `old` is a different one, so that write marks of `cur` do not stop the propagation.
    """
    last = len(old.frame) - 1
    for fr in range(len(old.frame)):
        fold = old.frame[fr]
        fcur = cur.frame[fr]
        for i in range(6 if fr < last else 0, REG_FP):
            if _propagate_slot(env, fold.live, fcur.live, i) == REG_LIVE_READ64 and i == 0 and fcur.r0_exchanged:
                mark_exchange_zext(env, fcur)
        for i in range(MAX_BPF_REG, MAX_BPF_REG + min(len(fold.stack), len(fcur.stack))):
            _propagate_slot(env, fold.live, fcur.live, i)


def _propagate_slot(env: VerifierEnv, old: LiveRow, cur: LiveRow, idx: int) -> int:
    """propagate_liveness_reg(): the new mark, or 0."""
    flag = old.marks[idx] & REG_LIVE_READ
    if not flag:
        return 0
    known = cur.marks[idx] & REG_LIVE_READ
    if known in (REG_LIVE_READ64, flag):
        return 0
    if old.parents[idx] is cur and old.parent_index(idx) == idx:
        mark_read(env, old, idx, flag)
    else:
        propagate_read(env, cur, idx, flag)
    return flag


def propagate_precision(env: VerifierEnv, old: VerifierState) -> None:
    """propagate_precision(): scalars that are precise in `old` become precise on the current path."""
    bt = env.backtrack
    bt.frame = old.curframe
    say = env.log.level & BPF_LOG_LEVEL2 != 0
    for fr in range(old.curframe, -1, -1):
        frame = old.frame[fr]
        marks = frame.live.marks
        names: list[str] = []
        found = False
        for i in range(REG_FP):
            reg = frame.regs[i]
            if reg.precise and reg.type == SCALAR_VALUE and marks[i] & REG_LIVE_READ:
                bt.regs[fr] = bt.regs[fr] | 1 << i
                found = True
                if say:
                    names.append(f"r{i}")
        for i, slot in enumerate(frame.stack):
            reg = slot.spilled_ptr
            if reg.precise and reg.type == SCALAR_VALUE and slot.is_spill() and marks[MAX_BPF_REG + i] & REG_LIVE_READ:
                bt.slots[fr] = bt.slots[fr] | 1 << i
                found = True
                if say:
                    names.append(f"fp{-(i + 1) * 8}")
        if found:
            env.verbose((f"frame {fr}: propagating " + ",".join(names) if say else "") + "\n")
    mark_chain_precision_batch(env, bt)
