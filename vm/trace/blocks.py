"""The format of a trace: blocks of columns, written during the walk, from which the state of any step can be read.

A block holds the steps [first, first + count). The state of the walk is a list of *changes*, in the order they
happened; steps and starts of paths are positions in that list. So that no reader has to begin at the first step, each
block starts with a keyframe, the whole state before its first change, and holds all values that it refers to.

The blocks of a walk are stored in sequence in a file, or in memory. Files are append-only, so that another process can
read them while they grow.
"""

from __future__ import annotations

import os
import sys
import zlib
from array import array
from bisect import bisect_right
from struct import Struct, calcsize, pack
from typing import Final, Literal, Protocol, final

from vm.namedtuples import NamedTuple

FIRST_BLOCK: Final = 256
"""Number of steps of the first block, which is read during the walk."""
STEPS_IN_BLOCK: Final = 4096
"""Number of steps of the other blocks."""
MAGIC: Final = 0x33425342  # "BSB3"

# magic, bytes that follow, then as in Heading; last the CRC-32 of the body continued over the counts before it
_HEADER: Final = Struct("<15I")
_COUNTS: Final = Struct("<13I")


LONG: Final = "l" if calcsize("l") == 8 else "q"
"""Type code of a signed 64-bit number. Python packs a native long in a third of the time of the other codes."""


class TraceError(Exception):
    """The data is not a trace, or a damaged one."""


class Changes(NamedTuple):
    """Slots whose value or writer changed. slot: frame << 8 | index (see snapshots.py)."""

    slot: array[int]  # H
    row: array[int]  # I, see values.py
    writer: array[int]  # i, the step that wrote it; -1: it was there at the start


def no_changes() -> Changes:
    return Changes(array("H"), array("I"), array("i"))


class Starts(NamedTuple):
    """Paths that start in the block; the number of the first is Block.first_start."""

    end: array[int]  # I, changes up to and with those of the start
    depth: array[int]  # B, frames then
    parent: array[int]  # i
    push_step: array[int]  # i
    first_step: array[int]  # i
    speculative: array[int]  # B


START_CODES: Final = "IBiiiB"
"""Type codes of the columns of Starts."""


def no_starts() -> Starts:
    return Starts(*(array(code) for code in START_CODES))


class Ends(NamedTuple):
    """Paths that end in the block, in order; the number of the first is Block.first_end."""

    last_step: array[int]  # i
    how: array[int]  # B, index of ENDS
    pruned_by: array[int]  # i


ENDS: Final = ("exit", "safe", "reject", "limit", "cut")
"""How paths end; "cut": the log from which the trace was made does not contain the end."""


END_CODES: Final = "iBi"
"""Type codes of the columns of Ends."""


def no_ends() -> Ends:
    return Ends(*(array(code) for code in END_CODES))


def column(code: str, values: list[int]) -> array[int]:
    """Numbers as an array. One call of pack() is several times as fast as array() of a list."""
    found = array(code)
    found.frombytes(pack(f"{len(values)}{code}", *values))
    return found


def halves(values: list[int], low: Literal["i", "H"], high: Literal["I"]) -> tuple[array[int], array[int]]:
    """Splits numbers into two columns: the low bits, as many as the type `low` has, and the bits from 32 on."""
    data = memoryview(pack(f"{len(values)}{LONG}", *values))  # the high half has 31 bits
    little = sys.byteorder == "little"
    found = array(low), array(high)
    lanes = 8 // found[0].itemsize
    found[0].frombytes(data.cast(low)[0 if little else lanes - 1 :: lanes].tobytes())
    found[1].frombytes(data.cast(high)[1 if little else 0 :: 2].tobytes())
    return found


def runs(code: str, starts: list[tuple[int, int]], count: int) -> array[int]:
    """Expands `count` numbers from run lengths: (place, number) where the number changes, the first at place 0."""
    found = array(code)
    for i, (place, value) in enumerate(starts):
        end = starts[i + 1][0] if i + 1 < len(starts) else count
        if end > place:
            found += array(code, [value]) * (end - place)
    return found


class Block(NamedTuple):
    """The steps [first, first + len(insn)) with all changes up to the last of them."""

    first: int
    first_start: int
    first_end: int
    key_depth: int
    insn: array[int]  # i
    path: array[int]  # I
    depth: array[int]  # B, frames after the step
    end: array[int]  # I, changes up to and with the step
    starts: Starts
    ends: Ends
    changes: Changes
    keyframe: Changes
    read_step: array[int]  # i, with read_slot: which stack slots steps read
    read_slot: array[int]  # H, frame << 8 | number of the slot
    row_starts: array[int]  # I, offsets in rows; value n (from 1) is the one at row_starts[n - 1], see values.py
    rows: bytes

    def columns(self) -> list[array[int]]:
        """All arrays in the order of the file; row_starts is the last one, before the rows."""
        return [
            self.insn, self.path, self.end, self.depth, *self.starts, *self.ends, *self.changes, *self.keyframe,
            self.read_step, self.read_slot, self.row_starts,
        ]  # fmt: skip

    def encoded(self) -> bytes:
        """The bytes of the block in a file."""
        # Each copy of a block is new memory, which the kernel clears: the parts are copied once.
        parts = self.columns()
        length = len(self.rows)
        crc = 0
        for part in parts:
            length += part.itemsize * len(part)
            crc = zlib.crc32(part, crc)
        crc = zlib.crc32(self.rows, crc)
        counts = (
            length, len(self.rows), self.first, self.first_start, self.first_end, self.key_depth,
            len(self.insn), len(self.starts.end), len(self.ends.how), len(self.changes.slot),
            len(self.keyframe.slot), len(self.read_slot), len(self.row_starts),
        )  # fmt: skip
        return b"".join([_HEADER.pack(MAGIC, *counts, zlib.crc32(_COUNTS.pack(*counts), crc)), *parts, self.rows])


class Heading(NamedTuple):
    """A block's header, and the position of its body."""

    offset: int
    length: int
    row_bytes: int
    first: int
    first_start: int
    first_end: int
    key_depth: int
    steps: int
    starts: int
    ends: int
    changes: int
    keyframe: int
    reads: int
    rows: int
    crc: int


HEADER_SIZE: Final = _HEADER.size


def read_heading(data: bytes, offset: int) -> Heading:
    """The header at the beginning of `data`, which was read at `offset`; TraceError for other data."""
    if len(data) < HEADER_SIZE:
        raise TraceError("the file ends in the middle of a header")
    magic, *rest = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise TraceError("no block begins here")
    return Heading(offset + HEADER_SIZE, *rest)


@final
class _Columns:
    """Reads the columns of a body in order.

    No closures: compiled ones are in a reference cycle with their variables, and would keep each body that was read
    until garbage is collected.
    """

    def __init__(self, body: bytes) -> None:
        self._body: bytes = body
        self._at: int = 0

    def take(self, code: str, count: int) -> array[int]:
        found = array(code)
        at = self._at
        end = at + found.itemsize * count
        if end > len(self._body):
            raise TraceError("a block is shorter than its header says")
        found.frombytes(self._body[at:end])
        self._at = end
        return found

    def take_all(self, codes: str, count: int) -> list[array[int]]:
        return [self.take(code, count) for code in codes]

    def rest(self) -> bytes:
        return self._body[self._at :]


def read_block(head: Heading, body: bytes) -> Block:
    """The block of a header; TraceError if the body is damaged."""
    if zlib.crc32(_COUNTS.pack(*head[1:14]), zlib.crc32(body)) != head.crc:
        raise TraceError("a block is damaged: its checksum is wrong")
    columns = _Columns(body)
    insn, path, end, depth = columns.take_all("iIIB", head.steps)
    starts = Starts(*columns.take_all(START_CODES, head.starts))
    ends = Ends(*columns.take_all(END_CODES, head.ends))
    changes = Changes(*columns.take_all("HIi", head.changes))
    keyframe = Changes(*columns.take_all("HIi", head.keyframe))
    read_step, read_slot = columns.take_all("iH", head.reads)
    row_starts = columns.take("I", head.rows)
    return Block(
        head.first, head.first_start, head.first_end, head.key_depth, insn, path, depth, end, starts,
        ends, changes, keyframe, read_step, read_slot, row_starts, columns.rest(),
    )  # fmt: skip


class Storage(Protocol):
    """Stores the bytes of a trace."""

    def append(self, data: bytes) -> None: ...

    def read(self, offset: int, length: int) -> bytes: ...


class InMemory:
    """A trace in memory, for this process only."""

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self.parts: list[bytes] = []
        self._size = 0

    def append(self, data: bytes) -> None:
        self._offsets.append(self._size)
        self.parts.append(data)
        self._size += len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of one part; a read never crosses the end of an appended part."""
        number = bisect_right(self._offsets, offset) - 1
        if number < 0:
            return b""
        at = offset - self._offsets[number]
        return self.parts[number][at : at + length]


class InFile:
    """A trace in an open file; `handle` is its descriptor."""

    def __init__(self, handle: int, base: int = 0) -> None:
        self._handle = handle
        self._end = base

    def append(self, data: bytes) -> None:
        """OSError if the disk is full."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._handle, view, self._end)
            self._end += written
            view = view[written:]

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._handle, length, offset)
