"""The outline of steps: which instruction each visited, in which frame, and where paths fork and end.

It is what most searches need, in two small columns: a walk of a million steps has an outline of some 100 kB. One is
written for every SPAN steps, beside the blocks that hold everything else (docs/trace-store.md). Bytes, little-endian:

    header      magic "BSO1", bytes of the body when inflated, first step, steps, instruction of the step before
                (i32, -1: none), forks, starts, ends
    body        zlib: per step insn i32, depth u8; forks i32 (steps that pushed a path), starts i32 (first steps of
                paths), ends: last_step i32, pruned u8
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple, final

from vm.trace.blocks import ENDS, Block

SPAN: Final = 1 << 16
"""Steps of one outline, at least, except for the last."""
_MAGIC: Final = 0x314F5342  # "BSO1"
_HEADER: Final = Struct("<IIIIiIII")
_PRUNED: Final = ENDS.index("safe")


class OutlineError(Exception):
    """The bytes are no outline."""


class Outline(NamedTuple):
    """Steps [first, first + len(insn)). depth: frames after each; before: instruction of the step before, or -1."""

    first: int
    before: int
    insn: array[int]  # i
    depth: bytes
    forks: array[int]  # i
    starts: array[int]  # i
    ends: array[int]  # i
    pruned: bytes

    @property
    def end(self) -> int:
        """The step behind the last."""
        return self.first + len(self.insn)

    def encoded(self) -> bytes:
        """The outline as bytes."""
        forks, starts, ends = self.forks.tobytes(), self.starts.tobytes(), self.ends.tobytes()
        body = b"".join((self.insn.tobytes(), self.depth, forks, starts, ends, self.pruned))
        counts = (len(self.forks), len(self.starts), len(self.ends))
        head = _HEADER.pack(_MAGIC, len(body), self.first, len(self.insn), self.before, *counts)
        return head + zlib.compress(body, 1)


def read_outline(data: bytes) -> Outline:
    """The outline of these bytes; OutlineError if they are none."""
    if len(data) < _HEADER.size:
        raise OutlineError("it ends in the middle of a header")
    magic, size, first, steps, before, forks, starts, ends = _HEADER.unpack_from(data)
    if magic != _MAGIC or size != 5 * steps + 4 * (forks + starts) + 5 * ends:
        raise OutlineError("it is damaged")
    opened = zlib.decompressobj()
    try:
        body = opened.decompress(data[_HEADER.size :], size + 1)
    except zlib.error as error:
        raise OutlineError(f"it is damaged: {error}") from None
    if len(body) != size or not opened.eof:
        raise OutlineError("it has another length than its header says")
    at = 0

    def taken(length: int) -> bytes:
        nonlocal at
        at += length
        return body[at - length : at]

    def numbers(count: int) -> array[int]:
        return array("i", taken(4 * count))

    return Outline(
        first, before, numbers(steps), taken(steps), numbers(forks), numbers(starts), numbers(ends), taken(ends)
    )


@final
class Outliner:
    """Collects the steps of a walk or run, and makes outlines of them."""

    def __init__(self) -> None:
        self._first: int = 0
        self._before: int = -1
        self._clear()

    def _clear(self) -> None:
        self._insn: array[int] = array("i")
        self._depth: bytearray = bytearray()
        self._forks: array[int] = array("i")
        self._starts: array[int] = array("i")
        self._ends: array[int] = array("i")
        self._pruned: bytearray = bytearray()

    def add(self, block: Block) -> None:
        """The steps of a walk's block, which follow those there are."""
        self._insn += block.insn
        self._depth += block.depth.tobytes()
        starts, ends = block.starts, block.ends
        self._forks.extend(step for step in starts.push_step if step >= 0)
        self._starts += starts.first_step
        self._ends += ends.last_step
        self._pruned += bytes(how == _PRUNED for how in ends.how)

    def add_steps(self, insns: Sequence[int], depths: Sequence[int]) -> None:
        """Steps of a run, which follow those there are."""
        self._insn.extend(insns)
        self._depth += bytes(min(depth, 255) for depth in depths)

    def take(self, *, last: bool = False) -> Iterator[Outline]:
        """What is collected, once it is SPAN steps or these were the last ones."""
        if not self._insn or (len(self._insn) < SPAN and not last):
            return
        made = Outline(
            self._first, self._before, self._insn, bytes(self._depth), self._forks, self._starts, self._ends,
            bytes(self._pruned),
        )  # fmt: skip
        self._first += len(self._insn)
        self._before = self._insn[-1]
        self._clear()
        yield made
