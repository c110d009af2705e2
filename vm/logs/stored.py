"""Reads the blocks that recording.py writes: the states of a log's steps, as they were printed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vm.logs.recording import PRINTED, ROW
from vm.trace.blocks import HEADER_SIZE, Block, TraceError, read_block, read_heading
from vm.trace.snapshots import slot_name

Slots = dict[tuple[int, int], tuple[str, int]]
"""(frame, index) -> (text, the step that wrote it, -1: not known)."""


class StoredStep(NamedTuple):
    """A step with the states around it.

    before -- the step after which it comes on its path, -1: none
    last -- the state after the step listed before it; found -- the state it found: another one where it takes up a path
    after -- the state it left; depth -- frames then
    reads -- names of what it read
    """

    number: int
    insn_idx: int
    path: int
    depth: int
    before: int
    last: Slots
    found: Slots
    after: Slots
    reads: tuple[str, ...]


def blocks(parts: Sequence[bytes]) -> list[Block]:
    """The blocks in the order they were written; TraceError for what is none."""
    found = []
    for data in parts:
        head = read_heading(data[:HEADER_SIZE], 0)
        found.append(read_block(head, data[HEADER_SIZE : HEADER_SIZE + head.length]))
    return found


def text_of(block: Block, row: int) -> str:
    """A value as it was printed; TraceError where there is no such row."""
    if row > len(block.row_starts):
        raise TraceError("a value is not in its block")
    at = block.row_starts[row - 1]
    form, length = ROW.unpack_from(block.rows, at)
    if form != PRINTED:
        raise TraceError("the value is none that was printed")
    return block.rows[at + ROW.size : at + ROW.size + length].decode("utf-8", "replace")


class Texts(dict[int, str]):
    """What was printed, by row of a block; TraceError for a row that is none."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._block = block

    def __missing__(self, row: int) -> str:
        found = self[row] = text_of(self._block, row)
        return found


class _Fold:
    """The state while changes are applied to it."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._texts = Texts(block)
        self.state: Slots = {}
        self.at = 0
        self.depth = block.key_depth
        keyframe = block.keyframe
        for slot, row, writer in zip(keyframe.slot, keyframe.row, keyframe.writer, strict=True):
            self._set(slot, row, writer)

    def _set(self, slot: int, row: int, writer: int) -> None:
        place = (slot >> 8, slot & 0xFF)
        if row:
            self.state[place] = (self._texts[row], writer)
        else:
            self.state.pop(place, None)

    def to(self, end: int, depth: int) -> None:
        """The changes up to `end`; frames from `depth` on are gone."""
        if depth < self.depth:
            self.state = {place: value for place, value in self.state.items() if place[0] < depth}
        self.depth = depth
        changes = self._block.changes
        if end > self.at:
            self.state = dict(self.state)
        for number in range(self.at, end):
            self._set(changes.slot[number], changes.row[number], changes.writer[number])
        self.at = end


def steps(block: Block, first: int, to: int) -> Iterator[StoredStep]:
    """The steps [first, to) of a block, as far as it has them."""
    fold = _Fold(block)
    starts, number = block.starts, 0
    for at, insn_idx in enumerate(block.insn):
        step = block.first + at
        if step >= to:
            return
        last, before = fold.state, step - 1
        while number < len(starts.end) and starts.first_step[number] <= step:
            fold.to(starts.end[number], starts.depth[number])
            if starts.first_step[number] == step:
                before = starts.push_step[number]
            number += 1
        found = fold.state
        fold.to(block.end[at], block.depth[at])
        if step >= first:
            yield StoredStep(
                step, insn_idx, block.path[at], block.depth[at], before, last, found, fold.state, _reads(block, step)
            )


def keyframe(block: Block, step: int) -> tuple[Slots, int]:
    """(the state after the step listed before `step`, frames then); of the first step: its path's start."""
    fold = _Fold(block)
    starts, number = block.starts, 0
    for at in range(step - block.first):
        while number < len(starts.end) and starts.first_step[number] <= block.first + at:
            fold.to(starts.end[number], starts.depth[number])
            number += 1
        fold.to(block.end[at], block.depth[at])
    if step == 0 and starts.end:
        fold.to(starts.end[0], starts.depth[0])
    return fold.state, fold.depth


def _reads(block: Block, step: int) -> tuple[str, ...]:
    at = bisect_right(block.read_step, step - 1)
    found = []
    while at < len(block.read_step) and block.read_step[at] == step:
        found.append(slot_name(block.read_slot[at] >> 8, block.read_slot[at] & 0xFF))
        at += 1
    return tuple(dict.fromkeys(found))
