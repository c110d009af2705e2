"""All frames of a state, and its bookkeeping (struct bpf_verifier_state)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from vm.isa.opcodes import REG_FP
from vm.namedtuples import NamedTuple
from vm.verifier.state.frame import FuncState, LiveRow, StackSlot
from vm.verifier.state.reg import RegState

MAX_CALL_FRAMES: Final = 8


class ActiveLock(NamedTuple):
    """struct bpf_active_lock: ptr names the map ("map:3") or "btf", id is the register's; ptr "" is none."""

    ptr: str
    id: int


NO_LOCK: Final = ActiveLock("", 0)


@final
class VerifierState:
    """struct bpf_verifier_state. `step` is the trace step at which a checkpoint was made (-1: none)."""

    __slots__ = (
        "frame", "parent", "branches", "insn_idx", "active_lock", "speculative", "active_rcu_lock",
        "active_preempt_lock", "used_as_loop_entry", "in_sleepable", "first_insn_idx", "last_insn_idx", "loop_entry",
        "insn_hist_start", "insn_hist_end", "dfs_depth", "callback_unroll_depth", "may_goto_depth", "step",
    )  # fmt: skip

    def __init__(self) -> None:
        self.frame: list[FuncState] = []
        self.parent: VerifierState | None = None
        self.branches: int = 1
        self.insn_idx: int = 0
        self.active_lock: ActiveLock = NO_LOCK
        self.speculative: bool = False
        self.active_rcu_lock: bool = False
        self.active_preempt_lock: int = 0
        self.used_as_loop_entry: bool = False
        self.in_sleepable: bool = False
        self.first_insn_idx: int = 0
        self.last_insn_idx: int = -1
        self.loop_entry: VerifierState | None = None
        self.insn_hist_start: int = 0
        self.insn_hist_end: int = 0
        self.dfs_depth: int = 0
        self.callback_unroll_depth: int = 0
        self.may_goto_depth: int = 0
        self.step: int = -1

    @property
    def curframe(self) -> int:
        return len(self.frame) - 1

    @property
    def cur(self) -> FuncState:
        """The innermost frame (cur_func())."""
        return self.frame[-1]


def copy_verifier_state(src: VerifierState) -> VerifierState:
    """copy_verifier_state(): a copy that shares all values. insn_idx is not copied, as in the kernel."""
    dst = VerifierState()
    dst.frame = [f.copy() for f in src.frame]
    assign_bookkeeping(dst, src)
    return dst


def assign_bookkeeping(dst: VerifierState, src: VerifierState) -> None:
    dst.parent = src.parent
    dst.branches = src.branches
    dst.active_lock = src.active_lock
    dst.speculative = src.speculative
    dst.active_rcu_lock = src.active_rcu_lock
    dst.active_preempt_lock = src.active_preempt_lock
    dst.used_as_loop_entry = src.used_as_loop_entry
    dst.in_sleepable = src.in_sleepable
    dst.first_insn_idx = src.first_insn_idx
    dst.last_insn_idx = src.last_insn_idx
    dst.loop_entry = src.loop_entry
    dst.insn_hist_start = src.insn_hist_start
    dst.insn_hist_end = src.insn_hist_end
    dst.dfs_depth = src.dfs_depth
    dst.callback_unroll_depth = src.callback_unroll_depth
    dst.may_goto_depth = src.may_goto_depth


def replace_regs(
    state: VerifierState, wanted: Callable[[RegState], bool], changed: Callable[[RegState], RegState]
) -> None:
    """bpf_for_each_reg_in_vstate(): gives all registers and spilled ones of all frames, as far as wanted, a new value.

    Frames are visited from the outermost on, the registers of each before its stack.
    """
    for frame in state.frame:
        for i, reg in enumerate(frame.regs):
            if wanted(reg):
                frame.regs[i] = changed(reg)
        for i, slot in enumerate(frame.stack):
            if slot.is_spill() and wanted(slot.spilled_ptr):
                frame.stack[i] = StackSlot(slot.slot_type, changed(slot.spilled_ptr))


def connect_parentage(cur: VerifierState, new: VerifierState) -> None:
    """The end of is_state_visited(): `cur` becomes the child of its checkpoint `new`.

    The current frame's r0-r9 and callers' r6-r9 and all stack slots descend from `new`;
    marks start afresh. R10 never has a parent.
    """
    last = len(cur.frame) - 1
    for number in range(last + 1):
        row, parent = cur.frame[number].live, new.frame[number].live
        first = 6 if number < last else 0
        old = row.parents
        parents: list[LiveRow | None] = [parent] * len(old)
        for i in range(first):
            parents[i] = old[i]
        parents[REG_FP] = old[REG_FP]
        row.parents = parents
        marks = [0] * len(old)
        marks[REG_FP] = row.marks[REG_FP]
        row.marks = marks
        if row.shifted:
            row.shifted = {i: t for i, t in row.shifted.items() if i < first} or None
