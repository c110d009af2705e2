"""Records the walk while it goes on. It is fast enough to be always enabled.

A step costs the comparison of its frames with the previous ones, and a row for each new value. Every few thousand steps
they become a block (blocks.py); only the current block and the current state are Python values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, final

from vm.isa.insn import Insn
from vm.native import i64
from vm.trace import retell
from vm.trace.blocks import (
    END_CODES,
    ENDS,
    FIRST_BLOCK,
    START_CODES,
    STEPS_IN_BLOCK,
    Block,
    Changes,
    Ends,
    InMemory,
    Starts,
    Storage,
    column,
    halves,
    no_changes,
    read_heading,
    runs,
)
from vm.trace.holdings import HeldNotes, holdings
from vm.trace.records import Arrival, Holding, Path, PrecisionMark, Pruning
from vm.trace.snapshots import FIRST_SLOT, same_reg, same_slot
from vm.trace.stored import ANYTHING, NOTHING, STORES, StoredTrace
from vm.trace.values import ValueWriter
from vm.verifier.journal import Journal, Mark
from vm.verifier.observer import Observer
from vm.verifier.report.state_text import TypeNames
from vm.verifier.state.frame import INVALID_SLOT, FuncState, StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, RegState
from vm.verifier.state.vstate import VerifierState

if TYPE_CHECKING:
    from vm.btf.types import Btf

_END_CODES: Final = {name: code for code, name in enumerate(ENDS)}


@final
class _Frame:
    """The last values of one frame, and the steps that wrote them."""

    __slots__ = ("regs", "stack", "writers")

    def __init__(self, regs: list[RegState], stack: list[StackSlot], writers: list[int]) -> None:
        self.regs: list[RegState] = regs
        self.stack: list[StackSlot] = stack
        self.writers: list[int] = writers

    def copy(self) -> _Frame:
        return _Frame(self.regs[:], self.stack[:], self.writers[:])


_NO_FRAMES: Final[list[_Frame]] = []


def _new_frame(writer: int) -> _Frame:
    return _Frame([NOT_INIT_REG] * FIRST_SLOT, [], [writer] * FIRST_SLOT)


@final
class _Visits:
    """How many steps visited an instruction, and the first of them."""

    __slots__ = ("count", "first")

    def __init__(self) -> None:
        self.count: i64 = 0
        self.first: i64 = -1


@final
class _Pushed:
    """A pushed path: the writers of its slots; `call`, `before`: see _start()."""

    __slots__ = ("writers", "call", "before")

    def __init__(self, writers: list[list[int]], call: int, before: list[_Frame]) -> None:
        self.writers: list[list[int]] = writers
        self.call: int = call
        self.before: list[_Frame] = before


@final
class Recorder(StoredTrace, Observer):
    """Records steps; can be read as a trace of the steps so far at any time.

    journal -- records of comparisons and precision; the other arguments are those of StoredTrace
    """

    def __init__(
        self,
        names: TypeNames,
        insns: Sequence[Insn],
        called: Callable[[Insn], str | None],
        journal: Journal,
        btf: Btf | None = None,
        storage: Storage | None = None,
    ) -> None:
        super().__init__(storage if storage is not None else InMemory(), names, insns, called, btf)
        self._journal: Journal = journal
        self._frames: list[_Frame] = []  # the state now
        self._pushed: list[_Pushed] = []
        self._open_path: int = -1
        self._open_first: int = 0
        self._ended: int = 0  # paths that are over
        self._steps: int = 0
        self._held: HeldNotes = HeldNotes()
        self._log_steps: Sequence[tuple[int, int]] = ()
        self._holdings: tuple[int, list[Holding]] = (-1, [])
        self._stored: int = 0  # bytes of blocks
        # By instruction. `_visited`: in the order of their first visits.
        self._visits: list[_Visits] = [_Visits() for _ in insns]
        self._visited: list[int] = []
        self._first: int = 0
        self._first_start: int = 0
        self._first_end: int = 0
        self._writer: ValueWriter = ValueWriter(btf)
        self._begin_block()

    def _begin_block(self) -> None:
        # A block contains every value that it refers to, so that its steps can be read without other blocks.
        self._writer.begin_block()
        self._first = self._steps
        self._block_end: int = self._steps + STEPS_IN_BLOCK if self._steps else FIRST_BLOCK
        self._first_start = self._open_path + 1
        self._first_end = self._ended
        # Lists while the block grows: compiled code appends to them several times as fast as to arrays. Two values that
        # fit one number are one entry; a value that changes rarely is recorded when it does, as (place, value).
        self._insn_and_end: list[int] = []  # insn_idx | end << 32
        self._slot_and_row: list[int] = []  # slot | row << 32
        self._writer_column: list[int] = []
        self._paths: list[tuple[int, int]] = [(0, self._open_path)]
        self._depths: list[tuple[int, int]] = [(0, len(self._frames))]
        self._depth: int = len(self._frames)
        self._starts: list[list[int]] = [[] for _ in range(6)]
        self._ends: list[list[int]] = [[] for _ in range(3)]
        self._key_depth: int = len(self._frames)
        self._keyframe: Changes = self._whole()

    def _whole(self) -> Changes:
        """The current state as changes of an empty one."""
        found = no_changes()
        for number, frame in enumerate(self._frames):
            for idx, reg in enumerate(frame.regs):
                found.slot.append(number << 8 | idx)
                found.row.append(self._writer.row_of(reg))
                found.writer.append(frame.writers[idx])
            for spi, slot in enumerate(frame.stack):
                found.slot.append(number << 8 | FIRST_SLOT + spi)
                found.row.append(self._writer.row_of_slot(slot))
                found.writer.append(frame.writers[FIRST_SLOT + spi])
        return found

    def flush(self) -> None:
        """Makes a block of the steps that are not in one yet."""
        if not self._insn_and_end and not self._starts[0] and not self._ends[0]:
            return
        values = self._writer
        count = len(self._insn_and_end)
        insn, end = halves(self._insn_and_end, "i", "I")
        slot, row = halves(self._slot_and_row, "H", "I")
        read_steps, read_slots = self._journal.take_reads()
        block = Block(
            self._first, self._first_start, self._first_end, self._key_depth,
            insn, runs("I", self._paths, count), runs("B", self._depths, count), end,
            Starts(*(column(code, each) for code, each in zip(START_CODES, self._starts, strict=True))),
            Ends(*(column(code, each) for code, each in zip(END_CODES, self._ends, strict=True))),
            Changes(slot, row, column("i", self._writer_column)), self._keyframe,
            column("i", read_steps), column("H", read_slots), column("I", values.starts), values.data(),
        )  # fmt: skip
        data = block.encoded()
        self._storage.append(data)
        self.add_block(read_heading(data, self._stored))
        self._stored += len(data)
        self._begin_block()

    def _visit(self, insn_idx: i64) -> None:
        visits = self._visits[insn_idx]
        if visits.count == 0:
            visits.first = self._steps
            self._visited.append(insn_idx)
        visits.count += 1

    # -- while walking -------------------------------------------------------

    @property
    def path(self) -> int:
        """The path being walked."""
        return self._open_path

    def __len__(self) -> int:
        return self._steps

    def path_count(self) -> int:
        return self._open_path + 1

    def ended_count(self) -> int:
        return self._ended

    def begin_function(self, state: VerifierState) -> None:
        """The walk of a function starts (the main program, or a global function)."""
        self._pushed.clear()
        self.begin_path(-1, -1, state)

    def begin_path(self, parent: int, push_step: int, state: VerifierState) -> None:
        """The walk continues with the branch that was pushed at push_step of path `parent`."""
        self._open_path += 1
        self._open_first = self._steps
        pushed = self._pushed.pop() if self._pushed else None
        self._start(state, pushed, push_step)
        self._paths.append((len(self._insn_and_end), self._open_path))
        starts = self._starts
        starts[0].append(len(self._slot_and_row))
        starts[1].append(len(self._frames))
        starts[2].append(parent)
        starts[3].append(push_step)
        starts[4].append(self._steps)
        starts[5].append(state.speculative)
        self._held.begin(self._open_path, state)

    def _start(self, state: VerifierState, pushed: _Pushed | None, push_step: int) -> None:
        frames = self._frames
        del frames[len(state.frame) :]
        for number, f in enumerate(state.frame):
            if number >= len(frames):
                frames.append(_new_frame(-1))
            frame = frames[number]
            # A frame that the other branch does not have is that of a callback, entered by the pushing step.
            writers = [push_step] * FIRST_SLOT
            if pushed is not None and number < len(pushed.writers):
                writers = pushed.writers[number]
            writers.extend([push_step] * (FIRST_SLOT + len(f.stack) - len(writers)))
            if pushed is not None and pushed.call >= 0 and number < len(pushed.before):
                self._undo(f, writers, pushed.before[number], pushed.call)
            regs, old, old_writers = f.regs, frame.regs, frame.writers
            idx: i64
            for idx in range(FIRST_SLOT):
                reg = regs[idx]
                writer: i64 = writers[idx]
                writer_before: i64 = old_writers[idx]
                if reg is not old[idx] or writer != writer_before:
                    old[idx] = reg
                    old_writers[idx] = writer
                    self._changed(number, idx, self._writer.row_of(reg), writer)
            self._fit(frame, number, len(f.stack))
            for spi, slot in enumerate(f.stack):
                idx = FIRST_SLOT + spi
                if slot is not frame.stack[spi] or writers[idx] != frame.writers[idx]:
                    frame.stack[spi] = slot
                    frame.writers[idx] = writers[idx]
                    self._changed(number, idx, self._writer.row_of_slot(slot), writers[idx])

    def _undo(self, f: FuncState, writers: list[int], before: _Frame, call: int) -> None:
        """Restores the writers of slots that a call changed on the first path, but not on this path into a callback."""
        for idx, writer in enumerate(writers):
            if writer != call or idx >= len(before.writers):
                continue
            spi = idx - FIRST_SLOT
            if spi < 0:
                same = f.regs[idx] is before.regs[idx]
            else:
                same = spi < len(f.stack) and spi < len(before.stack) and f.stack[spi] is before.stack[spi]
            if same:
                writers[idx] = before.writers[idx]

    def _fit(self, frame: _Frame, number: int, slots: int) -> None:
        """Adapts the number of stack slots to that of the walk's frame."""
        missing = slots - len(frame.stack)
        if missing > 0:
            frame.stack.extend([INVALID_SLOT] * missing)
            frame.writers.extend([-1] * missing)
        elif missing < 0:
            for spi in range(slots, len(frame.stack)):
                self._changed(number, FIRST_SLOT + spi, 0, -1)
            del frame.stack[slots:]
            del frame.writers[FIRST_SLOT + slots :]

    def _changed(self, frame: i64, idx: i64, row: i64, writer: int) -> None:
        self._slot_and_row.append(frame << 8 | idx | row << 32)
        self._writer_column.append(writer)

    def add(self, insn_idx: i64, state: VerifierState, waiting: i64) -> None:
        """Adds a step: instruction insn_idx was visited, and `state` is the state after it.

        waiting -- number of pushed branches.
        """
        step = self._steps
        target: i64 = self._targets[insn_idx]
        pushes = waiting - len(self._pushed)
        before = _NO_FRAMES
        if pushes > 0 and target == ANYTHING:
            before = [frame.copy() for frame in self._frames]
        frames = self._frames
        depth: i64 = len(state.frame)
        if len(frames) > depth:
            del frames[depth:]
        for number, f in enumerate(state.frame):
            if number >= len(frames):
                self._enter(number, f, step)
                continue
            frame = frames[number]
            # Neither class defines __eq__: the lists are equal if their members are identical.
            if target >= 0 and target < FIRST_SLOT and number == depth - 1:
                regs = frame.regs
                was = regs[target]
                reg = f.regs[target]
                regs[target] = reg
                if regs == f.regs:  # most instructions change nothing but their target
                    frame.writers[target] = step
                    self._changed(number, target, self._writer.row_of(reg), step)
                else:
                    regs[target] = was
                    self._compare_regs(frame, f, number, step, target)
            elif frame.regs != f.regs:
                self._compare_regs(frame, f, number, step, target if number == depth - 1 or target < 0 else NOTHING)
            if frame.stack != f.stack:
                self._compare_stack(frame, f, number, step, target if number == depth - 1 or target < 0 else NOTHING)
            elif target >= FIRST_SLOT and number == depth - 1 and target - FIRST_SLOT < len(frame.stack):
                frame.writers[target] = step
                self._changed(number, target, self._writer.row_of_slot(frame.stack[target - FIRST_SLOT]), step)
        if depth != self._depth:
            self._depth = depth
            self._depths.append((len(self._insn_and_end), depth))
        end: i64 = len(self._slot_and_row)
        self._insn_and_end.append(insn_idx | end << 32)
        self._visit(insn_idx)
        self._steps = step + 1
        held = self._held
        now = held.now
        if (
            state.frame[-1].refs is not now.refs
            or state.active_lock is not now.lock
            or state.active_rcu_lock != now.rcu
            or state.active_preempt_lock != now.preempt
        ):
            held.changed(self._open_path, step, insn_idx, state)
        while pushes > 0:
            call = step if target == ANYTHING else -1
            self._pushed.append(_Pushed([frame.writers[:] for frame in frames], call, before))
            pushes -= 1
        if step + 1 >= self._block_end:
            self.flush()

    def _enter(self, number: int, f: FuncState, step: int) -> None:
        """This step entered a function or callback."""
        frame = _new_frame(step)
        self._frames.append(frame)
        for idx, reg in enumerate(f.regs):
            frame.regs[idx] = reg
            self._changed(number, idx, self._writer.row_of(reg), step)
        self._fit(frame, number, len(f.stack))
        for spi, slot in enumerate(f.stack):
            frame.stack[spi] = slot
            frame.writers[FIRST_SLOT + spi] = step
            self._changed(number, FIRST_SLOT + spi, self._writer.row_of_slot(slot), step)

    def _compare_regs(self, frame: _Frame, f: FuncState, number: i64, step: int, target: i64) -> None:
        old, new, writers = frame.regs, f.regs, frame.writers
        idx: i64
        for idx in range(FIRST_SLOT):
            reg = new[idx]
            was = old[idx]
            if idx == target:
                writers[idx] = step
            elif reg is was:
                continue
            elif target == ANYTHING and not same_reg(reg, was):
                writers[idx] = step
            old[idx] = reg
            self._changed(number, idx, self._writer.row_of(reg), writers[idx])

    def _compare_stack(self, frame: _Frame, f: FuncState, number: i64, step: int, target: i64) -> None:
        new = f.stack
        self._fit(frame, number, len(new))
        old, writers = frame.stack, frame.writers
        for spi, slot in enumerate(new):
            was = old[spi]
            idx = FIRST_SLOT + spi
            if idx == target:
                writers[idx] = step
            elif slot is was:
                continue
            elif target in (ANYTHING, STORES) and not same_slot(slot, was):
                writers[idx] = step
            old[spi] = slot
            self._changed(number, idx, self._writer.row_of_slot(slot), writers[idx])

    def add_failed(self, insn_idx: int) -> None:
        """Adds the rejected step with the state before the instruction, because the check may have stopped half way."""
        self._depths.append((len(self._insn_and_end), len(self._frames)))
        self._insn_and_end.append(insn_idx | len(self._slot_and_row) << 32)
        self._visit(insn_idx)
        self._steps += 1

    def end_path(self, end: str, pruned_by: int = -1) -> None:
        """Ends the current path: exit, safe, reject or limit. Has no effect on a path that has ended."""
        if self._ended > self._open_path:
            return
        self._ended += 1
        self._ends[0].append(self._steps - 1)
        self._ends[1].append(_END_CODES[end])
        self._ends[2].append(pruned_by)

    # -- afterwards ----------------------------------------------------------

    def visits(self) -> dict[int, int]:
        """Number of visits of each instruction, in the order of the first visits."""
        return {idx: self._visits[idx].count for idx in self._visited}

    def first_visit(self, insn_idx: int) -> int:
        """The first step that visited an instruction."""
        return self._visits[insn_idx].first

    def set_log_steps(self, line_steps: Sequence[tuple[int, int]]) -> None:
        self._log_steps = line_steps

    @property
    def log_steps(self) -> Sequence[tuple[int, int]]:
        return self._log_steps

    def first_prunings(self, limit: int) -> Iterator[Pruning]:
        """The first `limit` of prunings."""
        for each in self._journal.hits()[:limit]:
            yield retell.pruning(self, each, self.after(each.path, each.step))

    def first_arrivals(self, limit: int) -> Iterator[Arrival]:
        """The first `limit` failed comparisons, at any instruction."""
        for each in self._journal.misses()[:limit]:
            yield retell.arrival(self, each, self.after(each.path, each.step))

    def first_marks(self, limit: int) -> Iterator[PrecisionMark]:
        """The first `limit` precision marks."""
        for each in self._journal.marks()[:limit]:
            yield self._mark_told(each)

    def _mark_told(self, mark: Mark) -> PrecisionMark:
        return retell.precision(self, mark, self._journal.chain(mark), retell.step_of_mark(self, mark))

    def totals(self) -> dict[str, int]:
        """Number of records of each kind, including those that were not kept."""
        j = self._journal
        return {
            "prunings": len(j.hits()) + j.hits_left_out,
            "arrivals": len(j.misses()) + j.comparisons_left_out,
            "precision": len(j.marks()) + j.marks_left_out,
            "holdings": len(self.holdings) + self._held.left_out,
        }

    @property
    def prunings(self) -> Sequence[Pruning]:
        return [retell.pruning(self, each, self.after(each.path, each.step)) for each in self._journal.hits()]

    def arrivals(self, insn_idx: int) -> Sequence[Arrival]:
        return [
            retell.arrival(self, each, self.after(each.path, each.step))
            for each in self._journal.misses()
            if each.insn_idx == insn_idx
        ]

    @property
    def precision(self) -> Sequence[PrecisionMark]:
        return [self._mark_told(each) for each in self._journal.marks()]

    @property
    def holdings(self) -> Sequence[Holding]:
        if self._holdings[0] != self._steps:
            paths: list[Path] = []
            if self._held.count or self._held.starts:
                paths = self.path_list()
            self._holdings = (self._steps, holdings(self._held, paths, self.insn_idx, self.called))
        return self._holdings[1]

    @property
    def journal(self) -> Journal:
        """The records of the walk from which prunings, arrivals and precision are made."""
        return self._journal
