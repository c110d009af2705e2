"""The visits of one instruction on the path that leads to a step, with the states that they found: a loop's rounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from vm.trace.folded import Snapshot
from vm.trace.history import NotHereError, Piece, Way
from vm.trace.snapshots import live_slots
from vm.trace.stored import StoredTrace
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

MOST_BEFORE: Final = 160
MOST_BEHIND: Final = 40
_PIECES: Final = 4_000
"""Pieces of the path that are looked at."""


class Round(NamedTuple):
    """A visit: its step and path, the frames before it, and the values of all live slots by name."""

    step: int
    path: int
    snap: Snapshot
    values: dict[str, RegState | StackSlot]


class Rounds(NamedTuple):
    """The visits nearest to a step, in order. begun, ended: there are no others on the path before, and behind."""

    rounds: tuple[Round, ...]
    begun: bool
    ended: bool


def rounds(trace: StoredTrace, step: int, insn: int) -> Rounds:
    """The visits of an instruction on the path of a step: at most MOST_BEFORE up to it, and MOST_BEHIND after it.

    Those that lie in blocks that are not at hand are left out; IndexError where there is no such step.
    """
    way = Way(trace, step)
    before, begun = _taken(_visits(way, way.back(), insn, -1), MOST_BEFORE)
    behind, ended = _taken(_visits(way, way.onward(), insn, 1), MOST_BEHIND)
    found: list[Round] = []
    for visit in [*reversed(before), *behind]:
        try:
            snap = trace.raw_before(visit)
            path = trace.path_of(visit)
        except NotHereError:
            begun, ended = begun and visit > step, ended and visit <= step
            continue
        found.append(Round(visit, path, snap, dict(live_slots(snap))))
    return Rounds(tuple(found), begun, ended)


def _visits(way: Way, pieces: Iterable[Piece], insn: int, direction: int) -> Iterator[int]:
    for piece in islice(pieces, _PIECES):
        block = way.block(piece.number)
        steps = range(piece.first, piece.last + 1)
        for each in steps if direction > 0 else reversed(steps):
            if block.insn[each - block.first] == insn:
                yield each


def _taken(visits: Iterator[int], most: int) -> tuple[list[int], bool]:
    """(the first `most`, whether these are all). A block that is not at hand ends them."""
    found: list[int] = []
    try:
        for each in visits:
            if len(found) == most:
                return found, False
            found.append(each)
    except NotHereError:
        return found, False
    return found, True
