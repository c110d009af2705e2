"""Records the walk as it happens, cheaply enough to be always on.

Values are shared, so a step costs one snapshot of lists: a frame whose lists hold the same
objects as at the step before is not copied again. Who wrote a slot is noted as step numbers per slot.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.operands import reads
from vm.kernel.helpers import helper
from vm.verifier import retell
from vm.verifier.holdings import HeldNotes, holdings
from vm.verifier.journal import Journal
from vm.verifier.report.state_text import TypeNames
from vm.verifier.snapshots import (
    FIRST_SLOT,
    FrameSnapshot,
    live_slots,
    same_reg,
    same_slot,
    same_value,
    slot_index,
    slot_name,
    value_at,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import FuncState, StackSlot
from vm.verifier.state.reg import RegState
from vm.verifier.state.vstate import VerifierState
from vm.verifier.trace import Arrival, Holding, Path, PrecisionMark, Pruning, RegView, Step
from vm.verifier.views import Viewer

# What an instruction can write, as far as its fields tell: the index of a register or stack slot, or one of these.
_STORES: Final = -1
_NOTHING: Final = -2
_ANYTHING: Final = -3

_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}


def _target(insn: Insn) -> int:
    """Index of what the instruction writes, if it is one slot of the current frame."""
    cls = insn.code & 0x07
    if cls in (o.ALU, o.ALU64, o.LDX):
        return insn.dst_reg
    if cls == o.LD:
        return insn.dst_reg if insn.code & 0xE0 == o.IMM else _ANYTHING
    if cls in (o.ST, o.STX):
        if insn.code & 0xE0 == o.ATOMIC:
            return _ANYTHING
        size = _SIZES.get(insn.code & 0x18, 8)
        spi = (-insn.off - 1) // 8
        if insn.dst_reg == o.REG_FP and 0 <= spi < 64 and (-insn.off - size) // 8 == spi:
            return FIRST_SLOT + spi
        return _STORES
    return _ANYTHING if insn.code & 0xF0 in (o.CALL, o.EXIT) else _NOTHING


def _frame_snapshot(last: FrameSnapshot, f: FuncState) -> FrameSnapshot:
    """The frame as it is now; `last` if that is how it was."""
    # Equality of these lists is identity of their members: neither class defines __eq__.
    regs = last.regs
    stack = last.stack
    changed = False
    if regs != f.regs:
        regs = f.regs[:]
        changed = True
    if stack != f.stack:
        stack = f.stack[:]
        changed = True
    return FrameSnapshot(f.frameno, regs, stack) if changed else last


@final
class Recorder:
    """Collects steps; also the finished Trace (random access, no text is made before it is asked for).

    insns -- the program; called -- what a call instruction calls; journal -- what the walk notes beside the steps.
    """

    def __init__(
        self, names: TypeNames, insns: Sequence[Insn], called: Callable[[Insn], str | None], journal: Journal
    ) -> None:
        self._viewer = Viewer(names)
        self._insns = insns
        self._called = called
        self._journal = journal
        self._targets: list[int] = [_target(insn) for insn in insns]
        self._insn: array[int] = array("i")
        self._path: array[int] = array("I")
        self._last: tuple[FrameSnapshot, ...] = ()
        self._snaps: list[tuple[FrameSnapshot, ...]] = []
        self._paths: list[Path] = []
        self._starts: list[tuple[FrameSnapshot, ...]] = []  # by path: the state it started with
        self._open: tuple[int, int, int, int] = (0, -1, -1, 0)  # id, parent, push_step, first_step
        self._speculative = False  # whether the open path is what a mispredicted branch would run
        self._next_path: int = 1
        self._held: HeldNotes = HeldNotes()
        # Who wrote what last: per frame a list by index. Copied where a branch is pushed, for its path to start with.
        self._rows: list[list[int]] = []
        self._pushed: list[list[list[int]]] = []
        self._first_rows: list[list[list[int]]] = []  # by path
        self._written: dict[int, array[int]] = {}  # (frame << 8 | index) -> the steps that wrote it
        self._log_steps: Sequence[tuple[int, int]] = ()
        self._holdings: tuple[int, list[Holding]] = (-1, [])

    # -- while walking -------------------------------------------------------

    @property
    def path(self) -> int:
        """The path being walked."""
        return self._open[0]

    def begin_function(self, state: VerifierState) -> None:
        """The walk of a function starts (main, or a global function on its own)."""
        self._pushed.clear()
        if self._paths:
            self.begin_path(-1, -1, state)
        else:
            self._start(state, [])

    def begin_path(self, parent: int, push_step: int, state: VerifierState) -> None:
        """A branch pushed at push_step of path `parent` is taken up."""
        self._open = (self._next_path, parent, push_step, len(self._insn))
        self._next_path += 1
        self._speculative = state.speculative
        self._start(state, self._pushed.pop() if self._pushed else [])

    def _start(self, state: VerifierState, rows: list[list[int]]) -> None:
        pid, _, push_step, _ = self._open
        self._last = self._snapshot(state)
        self._starts.append(self._last)
        # A frame the other branch does not have was entered by what pushed this one: a callback.
        for frame in self._last[len(rows) :]:
            rows.append([push_step] * (FIRST_SLOT + len(frame.stack)))
        del rows[len(self._last) :]
        if push_step >= 0 and self._targets[self._insn[push_step]] == _ANYTHING:
            self._undo(rows, push_step)
        self._first_rows.append(rows)
        self._rows = [row[:] for row in rows]
        self._held.begin(pid, state)

    def _undo(self, rows: list[list[int]], call: int) -> None:
        """What a call did to its frame on the way that was walked first, and not on this one, into a callback."""
        before = self.raw_before(call)
        for fr, row in enumerate(rows[: len(before)]):
            for idx, writer in enumerate(row):
                now = value_at(self._last, fr, idx)
                if writer == call and now is not None and now is value_at(before, fr, idx):
                    row[idx] = self.writer_before(call, fr, idx)

    def add(self, insn_idx: int, state: VerifierState, waiting: int) -> None:
        """A step is over: instruction insn_idx was visited, `state` is what holds now.

        waiting -- number of branches that are pushed and not taken up.
        """
        step = len(self._insn)
        pid = self._open[0]
        self._insn.append(insn_idx)
        self._path.append(pid)
        last = self._last
        snap = self._snapshot(state)
        self._snaps.append(snap)
        target = self._targets[insn_idx]
        if target >= 0:
            self._wrote(len(snap) - 1, target, step)
        elif target != _NOTHING and snap is not last:
            self._note_changes(last, snap, step, target == _ANYTHING)
        held = self._held
        now = held.now
        if (
            state.frame[-1].refs is not now.refs
            or state.active_lock is not now.lock
            or state.active_rcu_lock != now.rcu
            or state.active_preempt_lock != now.preempt
        ):
            held.changed(pid, step, insn_idx, state)
        while waiting > len(self._pushed):
            self._pushed.append([row[:] for row in self._rows])

    def add_failed(self, insn_idx: int) -> None:
        """The walk stopped at insn_idx: its step shows what held before, for the check may have stopped half way."""
        self._insn.append(insn_idx)
        self._path.append(self._open[0])
        self._snaps.append(self._last)

    def end_path(self, end: str, pruned_by: int = -1) -> None:
        """The path being walked is over: exit, safe, reject or limit. One that is over stays as it ended."""
        if len(self._paths) > self._open[0]:
            return
        pid, parent, push_step, first = self._open
        self._paths.append(Path(pid, parent, push_step, first, len(self._insn) - 1, end, pruned_by, self._speculative))

    def _snapshot(self, state: VerifierState) -> tuple[FrameSnapshot, ...]:
        last = self._last
        frames = state.frame
        if len(frames) == 1 and len(last) == 1:
            snap = _frame_snapshot(last[0], frames[0])
            if snap is not last[0]:
                self._last = (snap,)
            return self._last
        same = len(last) == len(frames)
        out: list[FrameSnapshot] = []
        for i, f in enumerate(frames):
            if i < len(last):
                snap = _frame_snapshot(last[i], f)
                same = same and snap is last[i]
            else:
                snap = FrameSnapshot(f.frameno, f.regs[:], f.stack[:])
            out.append(snap)
        if not same:
            self._last = tuple(out)
        return self._last

    def _wrote(self, frame: int, idx: int, step: int) -> None:
        row = self._rows[frame]
        if idx >= len(row):
            row.extend([-1] * (idx + 1 - len(row)))
        row[idx] = step
        key = frame << 8 | idx
        steps = self._written.get(key)
        if steps is None:
            steps = self._written[key] = array("I")
        steps.append(step)

    def _note_changes(
        self, last: tuple[FrameSnapshot, ...], snap: tuple[FrameSnapshot, ...], step: int, regs_too: bool
    ) -> None:
        """Who got a new value by an instruction that can write several slots."""
        del self._rows[len(snap) :]
        for fr, new in enumerate(snap):
            if fr >= len(last):
                self._rows.append([step] * FIRST_SLOT)
                for i, reg in enumerate(new.regs):
                    if reg.type != t.NOT_INIT:
                        self._wrote(fr, i, step)
                continue
            old = last[fr]
            if old is new:
                continue
            if regs_too and old.regs is not new.regs:
                for i, reg in enumerate(new.regs):
                    if reg is not old.regs[i] and not same_reg(reg, old.regs[i]):
                        self._wrote(fr, i, step)
            if old.stack is not new.stack:
                for spi, slot in enumerate(new.stack):
                    if spi >= len(old.stack):
                        if any(slot.slot_type):
                            self._wrote(fr, FIRST_SLOT + spi, step)
                    elif slot is not old.stack[spi] and not same_slot(slot, old.stack[spi]):
                        self._wrote(fr, FIRST_SLOT + spi, step)

    # -- afterwards: the Trace protocol --------------------------------------

    def __len__(self) -> int:
        return len(self._insn)

    def set_log_steps(self, line_steps: Sequence[tuple[int, int]]) -> None:
        self._log_steps = line_steps

    @property
    def log_steps(self) -> Sequence[tuple[int, int]]:
        return self._log_steps

    @property
    def paths(self) -> Sequence[Path]:
        return self._paths

    def insn_idx(self, i: int) -> int:
        return self._insn[i]

    def path_of(self, i: int) -> int:
        return self._path[i]

    def path_by_id(self, pid: int) -> Path:
        """A path; the one that is being walked has the end "open"."""
        if pid < len(self._paths):
            return self._paths[pid]
        return Path(*self._open, len(self._insn) - 1, "open", -1, self._speculative)

    def path_at(self, i: int) -> int:
        """path_of(), also of the step that would have come after the last."""
        return self._path[i] if i < len(self._insn) else self._open[0]

    def before(self, i: int) -> int:
        """The step whose state held before step i (-1: the entry state): on the same path or where it forked."""
        return self.after(self.path_at(i), i)

    def after(self, path: int, i: int) -> int:
        """The step before the i-th step, visited or not, of `path`."""
        p = self.path_by_id(path)
        return p.push_step if i <= p.first_step else i - 1

    def raw(self, i: int) -> tuple[FrameSnapshot, ...]:
        """The frames after step i, innermost last; i = -1 is the entry state."""
        return self._starts[0] if i < 0 and self._starts else self._snaps[i] if i >= 0 else ()

    def raw_before(self, i: int) -> tuple[FrameSnapshot, ...]:
        """The frames as step i found them: what the branch that was taken knows is in them."""
        path = self.path_at(i)
        if path >= len(self._starts):
            return ()
        if i <= self.path_by_id(path).first_step:
            return self._starts[path]
        return self._snaps[i - 1]

    def start(self, path: int) -> tuple[FrameSnapshot, ...]:
        """The frames a path started with."""
        return self._starts[path]

    def changes(self, i: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(names that got a new value at step i, names that went away)."""
        if i < 0:
            return (), ()
        old, new = self.raw_before(i), self._snaps[i]
        target = self._targets[self._insn[i]]
        wrote: dict[str, None] = {}
        gone: tuple[str, ...] = ()
        if old is not new:
            was, now = live_slots(old, new), live_slots(new, old)
            wrote = {n: None for n, v in now.items() if not same_value(v, was.get(n))}
            gone = tuple(n for n in was if n not in now)
        if target >= 0 and value_at(new, len(new) - 1, target) is not None and not self._failed(i):
            wrote[slot_name(len(new) - 1, target)] = None
        return tuple(wrote), gone

    def _failed(self, i: int) -> bool:
        return bool(self._paths) and self._paths[-1].end == "reject" and i == len(self._insn) - 1

    def step(self, i: int) -> Step:
        writes, _ = self.changes(i)
        snap = self._snaps[i]
        return Step(self._insn[i], snap[-1].frameno if snap else 0, self._path[i], writes, self.reads(i))

    def reads(self, i: int) -> tuple[str, ...]:
        """Names the instruction reads: its registers (of a call, those that hold an argument), and stack slots."""
        snap = self.raw_before(i)
        insn = self._insns[self._insn[i]]
        frame = len(snap) - 1
        regs: Sequence[int] = reads(insn)
        if insn.code == o.JMP | o.CALL:
            known = helper(insn.imm) if insn.src_reg == 0 else None
            most = len(known.params) if known is not None else 5
            regs = [n for n in regs if n <= most and value_at(snap, frame, n) is not None]
        names = [slot_name(frame, n) for n in regs]
        names += [slot_name(fr, FIRST_SLOT + spi) for fr, spi in self._journal.slots_read(i)]
        return tuple(names)

    def writer(self, i: int, name: str) -> int:
        """The step that last wrote `name` as it is after step i; -1: it was there at the start.

        A comparison that only narrows a value does not write it.
        """
        frame, idx = slot_index(name)
        return self.writer_of(i, frame, idx)

    def writer_of(self, i: int, frame: int, idx: int) -> int:
        """writer() by frame and index."""
        if i < 0:
            return -1
        path = self._path[i]
        steps = self._written.get(frame << 8 | idx)
        if steps is not None:
            found = bisect_right(steps, i)
            if found and steps[found - 1] >= self.path_by_id(path).first_step:
                return steps[found - 1]
        rows = self._first_rows[path]
        return rows[frame][idx] if frame < len(rows) and idx < len(rows[frame]) else -1

    def writer_before(self, i: int, frame: int, idx: int) -> int:
        """The step that last wrote a slot as step i found it."""
        path = self.path_at(i)
        if i > self.path_by_id(path).first_step:
            return self.writer_of(i - 1, frame, idx)
        rows = self._first_rows[path]
        return rows[frame][idx] if frame < len(rows) and idx < len(rows[frame]) else -1

    def all_insns(self) -> Sequence[int]:
        """The instruction of each step."""
        return self._insn

    def first_visit(self, insn_idx: int) -> int:
        """The first step that visited an instruction."""
        return self._insn.index(insn_idx)

    def state(self, i: int) -> Mapping[str, RegView]:
        snap = self.raw(i)
        return {
            name: self.view(value, snap, name)._replace(written_at=self.writer(i, name))
            for name, value in live_slots(snap).items()
        }

    def slots(self, i: int) -> Mapping[str, RegState | StackSlot]:
        """Values of every live slot after step i by name, untold."""
        return live_slots(self.raw(i))

    def view(self, value: RegState | StackSlot, snap: tuple[FrameSnapshot, ...], name: str) -> RegView:
        """A slot's value in words; written_at is not filled in."""
        return self._viewer.view(value, snap, name)

    def called(self, insn_idx: int) -> str:
        """What the call at an instruction calls, "" if it is no call of a helper or kernel function."""
        insn = self._insns[insn_idx]
        if insn.code != o.JMP | o.CALL or insn.src_reg == o.PSEUDO_CALL:
            return ""
        return self._called(insn) or ""

    def first_prunings(self, limit: int) -> list[Pruning]:
        """The first `limit` of prunings."""
        return [retell.pruning(self, each) for each in self._journal.hits()[:limit]]

    def first_arrivals(self, limit: int) -> list[Arrival]:
        """The first `limit` comparisons that did not cover, at any instruction."""
        return [retell.arrival(self, each) for each in self._journal.misses()[:limit]]

    def first_marks(self, limit: int) -> list[PrecisionMark]:
        """The first `limit` of precision."""
        return [retell.precision(self, each) for each in self._journal.marks()[:limit]]

    def totals(self) -> dict[str, int]:
        """How many of each kind the walk made, those left out counted."""
        j = self._journal
        return {
            "prunings": len(j.hits()) + j.hits_left_out,
            "arrivals": len(j.misses()) + j.comparisons_left_out,
            "precision": len(j.marks()) + j.marks_left_out,
            "holdings": len(self.holdings) + self._held.left_out,
        }

    @property
    def prunings(self) -> Sequence[Pruning]:
        return [retell.pruning(self, each) for each in self._journal.hits()]

    def arrivals(self, insn_idx: int) -> Sequence[Arrival]:
        return [retell.arrival(self, each) for each in self._journal.misses() if each.insn_idx == insn_idx]

    @property
    def precision(self) -> Sequence[PrecisionMark]:
        return [retell.precision(self, each) for each in self._journal.marks()]

    @property
    def holdings(self) -> Sequence[Holding]:
        if self._holdings[0] != len(self._insn):
            paths = list(self._paths)
            if self._next_path > len(paths):
                paths.append(self.path_by_id(self._open[0]))
            told = holdings(self._held, paths, self._insn.__getitem__, self.called)
            self._holdings = (len(self._insn), told)
        return self._holdings[1]

    @property
    def journal(self) -> Journal:
        """The notes behind prunings, arrivals and precision, untold."""
        return self._journal

    @property
    def insns(self) -> Sequence[Insn]:
        """The program that was walked."""
        return self._insns
