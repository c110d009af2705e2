"""Reads the trace of a walk at any step: states, writers, paths, and what the instructions read and changed.

It reads blocks (blocks.py) from memory or from a file. Blocks and values are decoded on demand, and the most recently
used ones are kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.operands import reads
from vm.kernel.helpers import helper
from vm.trace.blocks import ENDS, Block, Heading, Storage, read_block
from vm.trace.folded import Folded, Snapshot
from vm.trace.records import Path, RegView, Step
from vm.trace.snapshots import FIRST_SLOT, live_slots, same_value, slot_index, slot_name, value_at
from vm.trace.views import Viewer
from vm.verifier.report.state_text import TypeNames
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from vm.btf.types import Btf

# What an instruction can write according to its fields: the index of a register or stack slot, or one of these.
STORES: Final = -1
NOTHING: Final = -2
ANYTHING: Final = -3

_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}
_MAX_BLOCKS: Final = 8  # folded, in memory: some 3 MB each


def target(insn: Insn) -> int:
    """Index of the slot of the current frame that the instruction writes, or one of the above."""
    cls = insn.code & 0x07
    if cls in (o.ALU, o.ALU64, o.LDX):
        return insn.dst_reg
    if cls == o.LD:
        return insn.dst_reg if insn.code & 0xE0 == o.IMM else ANYTHING
    if cls in (o.ST, o.STX):
        if insn.code & 0xE0 == o.ATOMIC:
            return ANYTHING
        size = _SIZES.get(insn.code & 0x18, 8)
        spi = (-insn.off - 1) // 8
        if insn.dst_reg == o.REG_FP and 0 <= spi < 64 and (-insn.off - size) // 8 == spi:
            return FIRST_SLOT + spi
        return STORES
    return ANYTHING if insn.code & 0xF0 in (o.CALL, o.EXIT) else NOTHING


class StoredTrace:
    """The steps of a walk, read at random.

    insns -- the program that was walked; called -- what a call instruction calls; btf -- the program's
    """

    def __init__(
        self,
        storage: Storage,
        names: TypeNames,
        insns: Sequence[Insn],
        called: Callable[[Insn], str | None],
        btf: Btf | None,
    ) -> None:
        self._storage: Storage = storage
        self._viewer: Viewer = Viewer(names)
        self._insns: Sequence[Insn] = insns
        self._called: Callable[[Insn], str | None] = called
        self._btf: Btf | None = btf
        self._targets: list[int] = [target(insn) for insn in insns]
        self._heads: list[Heading] = []
        self._firsts: list[int] = []  # first step of each block
        self._folded: dict[int, Folded] = {}  # the one used last is the last
        # Slots that change in a block, by its number, as far as they were told (vm.trace.history.read_touched).
        self.touched: Mapping[int, frozenset[int]] = {}

    @property
    def btf(self) -> Btf | None:
        """The program's type information."""
        return self._btf

    @property
    def first(self) -> int:
        """The first available step: not 0 if only some blocks of a trace were opened."""
        return self._firsts[0] if self._firsts else 0

    # -- blocks --------------------------------------------------------------

    def add_block(self, head: Heading) -> None:
        """Adds a block of the storage."""
        self._heads.append(head)
        self._firsts.append(head.first)

    def flush(self) -> None:
        """Makes a block of the steps that are not in one yet; a finished trace has none.

        Called only for steps that are in no block yet, because it ends the block of a growing trace early.
        """

    def block_count(self) -> int:
        """Number of blocks."""
        return len(self._heads)

    def head(self, number: int) -> Heading:
        """The heading of a block."""
        return self._heads[number]

    def columns(self, number: int) -> Block:
        """A block's columns; no states are made."""
        return self._block(number)

    def number_of(self, step: int) -> int:
        """The number of the block with a step. IndexError if there is no such step."""
        if not 0 <= step < len(self):
            raise IndexError(step)
        if step >= self._sealed_steps():
            self.flush()
        return bisect_right(self._firsts, step) - 1

    def _sealed_steps(self) -> int:
        return self._heads[-1].first + self._heads[-1].steps if self._heads else 0

    def _sealed_starts(self) -> int:
        return self._heads[-1].first_start + self._heads[-1].starts if self._heads else 0

    def _block(self, number: int) -> Block:
        """A block's columns; folded() has its states."""
        found = self._folded.get(number)
        if found is not None:
            return found.block
        head = self._heads[number]
        return read_block(head, self._storage.read(head.offset, head.length))

    def blocks(self) -> Iterator[Block]:
        """The columns of all blocks, in order, for counts over the whole walk."""
        self.flush()
        for number in range(len(self._heads)):
            yield self._block(number)

    def some_blocks(self, most: int) -> Iterator[tuple[int, array[int]]]:
        """(first step, instruction of each step) of at most `most` blocks, spread evenly over the walk."""
        self.flush()
        count = len(self._heads)
        for number in sorted({i * count // most for i in range(most)} if count > most else range(count)):
            block = self.folded(number).block
            yield block.first, block.insn

    def folded(self, number: int) -> Folded:
        """A block with its states."""
        found = self._folded.pop(number, None)
        if found is None:
            while len(self._folded) >= _MAX_BLOCKS:
                del self._folded[next(iter(self._folded))]
            found = Folded(self._block(number), self._btf)
        self._folded[number] = found
        return found

    def _at(self, step: int) -> tuple[Folded, int]:
        """The block of a step, and its place there."""
        if step >= self._sealed_steps():
            self.flush()
        number = bisect_right(self._firsts, step) - 1
        if step < 0 or number < 0:
            raise IndexError(step)
        return self.folded(number), step - self._firsts[number]

    # -- steps ---------------------------------------------------------------

    def __len__(self) -> int:
        return self._sealed_steps()

    def insn_idx(self, i: int) -> int:
        block, at = self._at(i)
        return block.block.insn[at]

    def path_of(self, i: int) -> int:
        block, at = self._at(i)
        return block.block.path[at]

    def before(self, i: int) -> int:
        """The step with the state before step i (-1: the entry state): on the same path, or the fork of it."""
        return self.after(self.path_at(i), i)

    def path_at(self, i: int) -> int:
        """path_of(); also for the step after the last."""
        return self.path_of(i) if i < len(self) else self.path_count() - 1

    def after(self, path: int, i: int) -> int:
        """The step before the i-th step, visited or not, of `path`."""
        found = self._start_place(path) if self._may_begin(path, i) else None
        if found is None:
            return i - 1
        starts, at = found[0].block.starts, found[1]
        return starts.push_step[at] if i <= starts.first_step[at] else i - 1

    def raw(self, i: int) -> Snapshot:
        """The frames after step i, innermost last; i = -1 is the entry state."""
        if i < 0:
            return self.start(0) if self.path_count() else ()
        block, at = self._at(i)
        return block.after(at)

    def listed_before(self, i: int) -> Snapshot:
        """The frames after step i - 1 on any path, with values of the block of step i."""
        block, at = self._at(i)
        return block.after(at - 1) if at else block.keyframe()

    def raw_before(self, i: int) -> Snapshot:
        """The frames before step i, with the facts of the branch that was taken."""
        path = self.path_at(i)
        if not 0 <= path < self.path_count():
            return ()
        found = self._start_place(path) if self._may_begin(path, i) else None
        if found is not None and i <= found[0].block.starts.first_step[found[1]]:
            return found[0].started(found[1])
        return self.listed_before(i) if i < len(self) else self.raw(i - 1)

    def start(self, path: int) -> Snapshot:
        """The frames at the start of a path."""
        found = self._start_place(path)
        if found is None:
            raise IndexError(path)
        return found[0].started(found[1])

    def _start_place(self, path: int) -> tuple[Folded, int] | None:
        """The block in which a path starts, and its place there; None if that block is not available."""
        if path >= self._sealed_starts():
            self.flush()
        if not self._heads or path < self._heads[0].first_start:
            return None
        number = self._block_of_start(path)
        return self.folded(number), path - self._heads[number].first_start

    def _may_begin(self, path: int, i: int) -> bool:
        """Whether step i can be the first of a path, according to the headings; reads no block."""
        if path >= self._sealed_starts() or path < self._heads[0].first_start:
            return True
        head = self._heads[self._block_of_start(path)]
        return i <= head.first + head.steps

    def _block_of_start(self, path: int) -> int:
        low, high = 0, len(self._heads)
        while high - low > 1:
            middle = (low + high) // 2
            if self._heads[middle].first_start <= path:
                low = middle
            else:
                high = middle
        while low > 0 and self._heads[low].starts == 0:
            low -= 1
        head = self._heads[low]
        if not head.first_start <= path < head.first_start + head.starts:
            raise IndexError(path)
        return low

    # -- paths ---------------------------------------------------------------

    def path_count(self) -> int:
        """Number of paths that have started."""
        return self._sealed_starts()

    def ended_count(self) -> int:
        """Number of paths that have ended: all but the current one."""
        return self._heads[-1].first_end + self._heads[-1].ends if self._heads else 0

    def path_by_id(self, pid: int) -> Path:
        """A path; the current one has the end "open"."""
        self.flush()
        found = self._start_place(pid)
        if found is None:
            raise IndexError(pid)
        starts, at = found[0].block.starts, found[1]
        last, how, pruned_by = self._end_of(pid)
        return Path(
            pid, starts.parent[at], starts.push_step[at], starts.first_step[at], last, how, pruned_by,
            bool(starts.speculative[at]),
        )  # fmt: skip

    def _end_of(self, pid: int) -> tuple[int, str, int]:
        for number in range(self._block_of_start(pid), len(self._heads)):
            head = self._heads[number]
            if head.first_end <= pid < head.first_end + head.ends:
                ends = self.folded(number).block.ends
                at = pid - head.first_end
                return ends.last_step[at], ENDS[ends.how[at]], ends.pruned_by[at]
        return len(self) - 1, "open", -1

    def path_list(self, limit: int = -1) -> list[Path]:
        """The first `limit` paths in the order of the walk, all without a limit; the last may be "open"."""
        self.flush()
        found: list[Path] = []
        ends: list[tuple[int, str, int]] = []
        blocks = range(len(self._heads))
        for number in blocks:
            if 0 <= limit <= len(found):
                break
            starts = self._block(number).starts
            for at in range(len(starts.end)):
                found.append(
                    Path(
                        self._heads[number].first_start + at, starts.parent[at], starts.push_step[at],
                        starts.first_step[at], len(self) - 1, "open", -1, bool(starts.speculative[at]),
                    )
                )  # fmt: skip
        del found[limit if limit >= 0 else len(found) :]
        for number in blocks:
            if len(ends) >= len(found):
                break
            e = self._block(number).ends
            ends += [(e.last_step[at], ENDS[e.how[at]], e.pruned_by[at]) for at in range(len(e.how))]
        return [
            path._replace(last_step=last, end=how, pruned_by=pruned_by)
            for path, (last, how, pruned_by) in zip(found, ends, strict=False)
        ] + found[len(ends) :]

    @property
    def paths(self) -> Sequence[Path]:
        """All paths that ended."""
        return self.path_list(self.ended_count())

    # -- what steps changed and read -------------------------------------------

    def changes(self, i: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(names with a new value at step i, names that disappeared)."""
        if i < 0:
            return (), ()
        old, new = self.raw_before(i), self.raw(i)
        index = self._targets[self.insn_idx(i)]
        wrote: dict[str, None] = {}
        gone: tuple[str, ...] = ()
        if old is not new:
            was, now = live_slots(old, new), live_slots(new, old)
            wrote = {n: None for n, v in now.items() if not same_value(v, was.get(n))}
            gone = tuple(n for n in was if n not in now)
        if index >= 0 and value_at(new, len(new) - 1, index) is not None and not self._failed(i):
            wrote[slot_name(len(new) - 1, index)] = None
        return tuple(wrote), gone

    def _failed(self, i: int) -> bool:
        """Whether step i is the rejected one, which has the state before it."""
        if i != len(self) - 1:
            return False
        self.flush()
        ends = self.folded(len(self._heads) - 1).block.ends
        return bool(ends.how) and ENDS[ends.how[-1]] == "reject" and ends.last_step[-1] == i

    def step(self, i: int) -> Step:
        writes, _ = self.changes(i)
        snap = self.raw(i)
        return Step(self.insn_idx(i), snap[-1].frameno if snap else 0, self.path_of(i), writes, self.reads(i))

    def reads(self, i: int) -> tuple[str, ...]:
        """Names that the instruction reads: its registers (of a call, those with an argument), and stack slots."""
        snap = self.raw_before(i)
        insn = self._insns[self.insn_idx(i)]
        frame = len(snap) - 1
        regs: Sequence[int] = reads(insn)
        if insn.code == o.JMP | o.CALL:
            known = helper(insn.imm) if insn.src_reg == 0 else None
            most = len(known.params) if known is not None else 5
            regs = [n for n in regs if n <= most and value_at(snap, frame, n) is not None]
        names = [slot_name(frame, n) for n in regs]
        names += [slot_name(fr, FIRST_SLOT + spi) for fr, spi in self._slots_read(i)]
        return tuple(names)

    def _slots_read(self, i: int) -> list[tuple[int, int]]:
        """(frame, number) of the stack slots a step read, in order."""
        block, _ = self._at(i)
        found: dict[tuple[int, int], None] = {}
        steps, slots = block.block.read_step, block.block.read_slot
        at = bisect_right(steps, i - 1)
        while at < len(steps) and steps[at] == i:
            found[slots[at] >> 8, slots[at] & 0xFF] = None
            at += 1
        return list(found)

    def writer(self, i: int, name: str) -> int:
        """The step that wrote the value that `name` has after step i; -1: it is the initial value.

        A comparison that only narrows a value does not write it.
        """
        frame, idx = slot_index(name)
        return self.writer_of(i, frame, idx)

    def writer_of(self, i: int, frame: int, idx: int) -> int:
        """writer() by frame and index."""
        return writer_in(self.raw(i), frame, idx) if i >= 0 else -1

    def writer_before(self, i: int, frame: int, idx: int) -> int:
        """The step that wrote the value that a slot has before step i."""
        return writer_in(self.raw_before(i), frame, idx)

    # -- states in words -------------------------------------------------------

    def state(self, i: int) -> Mapping[str, RegView]:
        """Every live register and stack slot of every frame after step i."""
        snap = self.raw(i)
        return {
            name: self.view(value, snap, name)._replace(written_at=self.writer(i, name))
            for name, value in live_slots(snap).items()
        }

    def slots(self, i: int) -> Mapping[str, RegState | StackSlot]:
        """Values of every live slot after step i by name, without text."""
        return live_slots(self.raw(i))

    def view(self, value: RegState | StackSlot, snap: Snapshot, name: str) -> RegView:
        """The view of a slot's value; without written_at."""
        return self._viewer.view(value, snap, name)

    def facts(self, value: RegState | StackSlot) -> RegView:
        """view() without the text, which takes most of its time."""
        return self._viewer.facts_of(value)

    def called(self, insn_idx: int) -> str:
        """The helper or kernel function that an instruction calls, "" for other instructions."""
        insn = self._insns[insn_idx]
        if insn.code != o.JMP | o.CALL or insn.src_reg == o.PSEUDO_CALL:
            return ""
        return self._called(insn) or ""

    @property
    def insns(self) -> Sequence[Insn]:
        """The program that was walked."""
        return self._insns


def writer_in(snap: Snapshot, frame: int, idx: int) -> int:
    """The step that last wrote a slot of a state."""
    if frame >= len(snap):
        return -1
    writers = snap[frame].writers
    return writers[idx] if idx < len(writers) else -1
