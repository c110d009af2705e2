"""The steps that wrote, read or narrowed one register or stack slot, along the path that leads to a step.

They are read from the columns of the trace's blocks: a block has 4,096 steps, and finding the changes of one slot in it
takes less than a millisecond, because no state is made. Only some blocks of a long walk may be available; the result
then says from which step on it is complete, and Sparse.missing which blocks are needed.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from struct import iter_unpack
from typing import Final, NamedTuple, Protocol

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.operands import reads
from vm.kernel.helpers import helper
from vm.trace.blocks import Block, Heading, TraceError, read_heading
from vm.trace.snapshots import FIRST_SLOT

MAX_ACCESSES: Final = 2000
"""Largest number of reads, and of writes; the nearest ones to the step are kept."""
MAX_BLOCKS: Final = 16
"""Largest number of blocks that are read in either direction."""


class NotHereError(Exception):
    """A needed block is not available; the argument is its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Sparse:
    """Storage of a trace with the headings of all blocks and the bodies of some."""

    def __init__(self, heads: Sequence[bytes], bodies: Mapping[int, bytes]) -> None:
        """heads: the first HEADER_SIZE bytes of each block; bodies: whole blocks by number."""
        self.heads = [read_heading(head, number << 32) for number, head in enumerate(heads)]
        self._bodies = bodies
        self.missing: dict[int, None] = {}

    def append(self, data: bytes) -> None:
        """A finished trace does not grow."""
        raise NotImplementedError

    def read(self, offset: int, length: int) -> bytes:
        """NotHereError for a block that is not available. The high half of the offset is the number of the block."""
        number, at = offset >> 32, offset & 0xFFFFFFFF
        body = self._bodies.get(number)
        if body is None:
            self.missing[number] = None
            raise NotHereError(number)
        return body[at : at + length]


class Piece(NamedTuple):
    """Steps [first, last] of one path in one block, on the way to a step.

    start -- place of the path's start in the block, if the path begins with these steps; -1: it begins earlier
    forked -- the way continues with another path after the last step, so that facts from that step do not apply to it
    """

    number: int
    path: int
    first: int
    last: int
    start: int
    forked: bool = False


class Change(NamedTuple):
    """A change of a slot by a step: it wrote the slot if writer == step, and only narrowed the value otherwise.

    row -- row of the new value in the block (values.py); 0: it has no value
    """

    step: int
    writer: int
    row: int


class Fork(NamedTuple):
    """A branch that was taken: the path that starts with it, the step that pushed it, and the path's first step."""

    path: int
    push_step: int
    first_step: int


class Accesses(NamedTuple):
    """Steps of the path that write and read a slot, in order.

    first, last -- range of the steps of the path that were examined
    begun, ended -- whether there are no other accesses before, and after
    """

    writes: tuple[int, ...]
    reads: tuple[int, ...]
    first: int
    last: int
    begun: bool
    ended: bool


class Blocks(Protocol):
    """A walk as blocks: a StoredTrace, or the trace of a log."""

    @property
    def insns(self) -> Sequence[Insn]:
        """The program; empty if it is not known, then the reads are stored with the steps."""
        ...

    def block_count(self) -> int: ...

    def head(self, number: int) -> Heading: ...

    def columns(self, number: int) -> Block:
        """NotHereError."""
        ...

    def number_of(self, step: int) -> int:
        """IndexError."""
        ...

    @property
    def touched(self) -> Mapping[int, frozenset[int]]:
        """The slots (touched_slots) that change in a block, by its number, as far as that is known without it."""
        ...


def touched_slots(block: Block) -> bytes:
    """Which slots change in a block, as little-endian u16 (frame << 8 | index): an index that spares reading it."""
    found = array("H", sorted(set(block.changes.slot)))
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()


def read_touched(data: bytes) -> frozenset[int]:
    """The slots of touched_slots(). TraceError."""
    if len(data) % 2:
        raise TraceError("an index of slots ends in the middle of one")
    return frozenset(number for (number,) in iter_unpack("<H", data))


class Way:
    """The path that leads to `step`, and its continuation after it."""

    def __init__(self, trace: Blocks, step: int) -> None:
        self.trace = trace
        self.step = step
        self._blocks: dict[int, Block] = {}

    def block(self, number: int) -> Block:
        """A block's columns. NotHereError."""
        found = self._blocks.get(number)
        if found is None:
            found = self._blocks[number] = self.trace.columns(number)
        return found

    def back(self) -> Iterator[Piece]:
        """The pieces of the path from the step back to the program's entry. NotHereError."""
        trace, last = self.trace, self.step
        number = trace.number_of(last)
        path = self.block(number).path[last - trace.head(number).first]
        forked = False
        while number >= 0:
            head = trace.head(number)
            at = path - head.first_start
            if at < 0:
                yield Piece(number, path, head.first, last, -1, forked)
                forked = False
                last = head.first - 1
                number -= 1
                continue
            starts = self.block(number).starts
            first, push = starts.first_step[at], starts.push_step[at]
            if max(first, head.first) <= last:
                yield Piece(number, path, max(first, head.first), last, at, forked)
            if push < 0:
                return
            path, last, forked = starts.parent[at], push, True
            number = trace.number_of(push)

    def onward(self) -> Iterator[Piece]:
        """The pieces of the step's path after it. NotHereError."""
        trace, first = self.trace, self.step + 1
        number = trace.number_of(self.step)
        path = self.block(number).path[self.step - trace.head(number).first]
        while number < trace.block_count():
            head, block = trace.head(number), self.block(number)
            # Paths are numbered in the order of the walk, so that the column never decreases.
            last = head.first + bisect_right(block.path, path) - 1
            if first <= last:
                yield Piece(number, path, first, last, -1)
            if last < head.first + head.steps - 1:
                return
            number += 1
            first = head.first + head.steps

    # -- one slot --------------------------------------------------------------

    def changes(self, piece: Piece, key: int) -> list[Change]:
        """The changes of the slot `key` (frame << 8 | index) by the steps of a piece, in order."""
        known = self.trace.touched.get(piece.number)
        if known is not None and key not in known:
            return []
        block = self.block(piece.number)
        begin, end = self._span(block, piece)
        slots = block.changes.slot
        found: list[Change] = []
        while True:
            try:
                begin = slots.index(key, begin, end)
            except ValueError:
                return found
            step = block.first + bisect_right(block.end, begin)
            found.append(Change(step, block.changes.writer[begin], block.changes.row[begin]))
            begin += 1

    @staticmethod
    def _span(block: Block, piece: Piece) -> tuple[int, int]:
        """The changes by the steps of a piece, without those of the path's start."""
        at = piece.first - block.first
        begin = block.end[at - 1] if at else 0
        if piece.start >= 0 and block.starts.first_step[piece.start] == piece.first:
            begin = block.starts.end[piece.start]
        if not piece.forked:
            return begin, block.end[piece.last - block.first]
        return begin, max(begin, block.end[piece.last - 1 - block.first] if piece.last > piece.first else begin)

    def started(self, piece: Piece, key: int) -> Change | None:
        """The change of the slot `key` at the start of the path that begins with a piece, if there is one."""
        block = self.block(piece.number)
        starts = block.starts
        if piece.start < 0:
            return None
        at = piece.first - block.first
        begin = max(starts.end[piece.start - 1] if piece.start else 0, block.end[at - 1] if at else 0)
        for k in range(begin, starts.end[piece.start]):
            if block.changes.slot[k] == key:
                return Change(starts.push_step[piece.start], block.changes.writer[k], block.changes.row[k])
        return None

    def since(self, key: int, writer: int) -> tuple[list[Change], list[Fork], bool]:
        """The changes of a slot after its writer, the last first; the forks on the way; whether these are all."""
        told: list[Change] = []
        forks: list[Fork] = []
        looked = 0
        try:
            for piece in self.back():
                if piece.last <= writer:
                    return told, forks, True
                looked += 1
                if looked > MAX_BLOCKS * 4:
                    return told, forks, False
                told += [each for each in reversed(self.changes(piece, key)) if each.step > writer]
                if piece.first <= writer:
                    return told, forks, True
                if piece.start >= 0:
                    push = self.block(piece.number).starts.push_step[piece.start]
                    if push >= writer and push >= 0:
                        forks.append(Fork(piece.path, push, piece.first))
        except NotHereError:
            return told, forks, False
        return told, forks, True

    def accesses(self, frame: int, idx: int) -> Accesses:
        """The writes and reads of a slot on the path, during the lifetime of its frame."""
        search = _Search(frame, frame << 8 | idx, _Readers(self.trace.insns, idx))
        first, begun = self._before(search)
        last, ended = self._behind(search)
        return Accesses(self._nearest(search.writes), self._nearest(search.reads), first, last, begun, ended)

    def _before(self, search: _Search) -> tuple[int, bool]:
        """The first examined step, and whether there are no accesses before it."""
        first = self.step
        try:
            for number, piece in enumerate(self.back()):
                if number >= MAX_BLOCKS or search.found() >= MAX_ACCESSES:
                    return first, False
                first = max(piece.first, self._lives(piece, search.frame, -1))
                self._collect(piece._replace(first=first), search)
                if first > piece.first:
                    return first, True
        except NotHereError:
            return first, False
        return first, True

    def _behind(self, search: _Search) -> tuple[int, bool]:
        """The last examined step, and whether there are no accesses after it."""
        last, before = self.step, search.found()
        try:
            for number, piece in enumerate(self.onward()):
                if number >= MAX_BLOCKS or search.found() - before >= MAX_ACCESSES:
                    return last, False
                last = min(piece.last, self._lives(piece, search.frame, 1))
                self._collect(piece._replace(last=last), search)
                if last < piece.last:
                    return last, True
        except NotHereError:
            return last, False
        return last, True

    def _nearest(self, steps: list[int]) -> tuple[int, ...]:
        found = sorted(set(steps))
        if len(found) > MAX_ACCESSES:
            at = bisect_right(found, self.step)
            around = found[max(0, at - MAX_ACCESSES) : at + MAX_ACCESSES]
            found = sorted(sorted(around, key=lambda step: abs(step - self.step))[:MAX_ACCESSES])
        return tuple(found)

    def _lives(self, piece: Piece, frame: int, direction: int) -> int:
        """The step of a piece with which a frame begins (direction -1) or ends (1): before the first, or behind the
        last, if it lives on."""
        if frame == 0:
            return piece.first if direction < 0 else piece.last
        block = self.block(piece.number)
        depth = block.depth[piece.first - block.first : piece.last - block.first + 1]
        if direction > 0:
            return next((piece.first + i for i, each in enumerate(depth) if each <= frame), piece.last + 1)
        for i in range(len(depth) - 1, -1, -1):
            if depth[i] <= frame and piece.first + i < self.step:
                return piece.first + i + 1
        return piece.first

    def _collect(self, piece: Piece, search: _Search) -> None:
        key, readers, writes, found_reads = search.key, search.readers, search.writes, search.reads
        if piece.last < piece.first:
            return
        changes = self.changes(piece, key)
        writes += [each.step for each in changes if each.writer == each.step]
        block = self.block(piece.number)
        started = self.started(piece, key)
        if started is not None and started.writer == started.step >= 0:
            writes.append(started.step)  # a call writes what the callback it calls starts with
        if readers.slot:
            noted = key if not self.trace.insns else key >> 8 << 8 | (key & 0xFF) - FIRST_SLOT
            at = bisect_right(block.read_step, piece.first - 1)
            stop = bisect_right(block.read_step, piece.last)
            found_reads += [block.read_step[i] for i in range(at, stop) if block.read_slot[i] == noted]
            return
        frame = key >> 8
        insns, depths, first = block.insn, block.depth, block.first
        for step in range(piece.first, piece.last + 1):
            if insns[step - first] in readers.by_field and self._frame_before(block, piece, step, depths) == frame:
                found_reads.append(step)
        if readers.by_call:
            # A call reads an argument register if it has a value, which is that of the last change before.
            at = 0
            held = True
            for step in range(piece.first, piece.last + 1):
                while at < len(changes) and changes[at].step < step:
                    held = changes[at].row != 0
                    at += 1
                if (
                    held
                    and insns[step - first] in readers.by_call
                    and self._frame_before(block, piece, step, depths) == frame
                ):
                    found_reads.append(step)

    @staticmethod
    def _frame_before(block: Block, piece: Piece, step: int, depths: Sequence[int]) -> int:
        """Number of the frame in which a step's instruction runs."""
        if piece.start >= 0 and step == block.starts.first_step[piece.start]:
            return block.starts.depth[piece.start] - 1
        at = step - block.first
        return (depths[at - 1] if at else block.key_depth) - 1


class _Search:
    """The accesses of a slot found so far."""

    def __init__(self, frame: int, key: int, readers: _Readers) -> None:
        self.frame = frame
        self.key = key
        self.readers = readers
        self.writes: list[int] = []
        self.reads: list[int] = []

    def found(self) -> int:
        return max(len(self.writes), len(self.reads))


class _Readers:
    """Which instructions read a register: by_call, if it holds an argument."""

    def __init__(self, insns: Sequence[Insn], idx: int) -> None:
        self.slot = idx >= FIRST_SLOT or not insns
        self.by_field: set[int] = set()
        self.by_call: set[int] = set()
        for number, insn in enumerate(insns if not self.slot else ()):
            if insn.code == o.JMP | o.CALL:
                known = helper(insn.imm) if insn.src_reg == 0 else None
                if 1 <= idx <= (len(known.params) if known is not None else 5):
                    self.by_call.add(number)
            elif idx in reads(insn):
                self.by_field.add(number)
