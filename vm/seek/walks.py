"""Changes and conditions in the blocks of a walk.

Only the slots in question are followed, and a condition is decided once for the same values: a block has some
thousand steps, but few of them change a given register.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from vm.bits import U64
from vm.logs import printed, stored
from vm.seek.condition import Condition, Need, Place, number
from vm.trace.blocks import HEADER_SIZE, Block, read_block, read_heading
from vm.trace.folded import Folded
from vm.trace.records import RegView
from vm.trace.snapshots import FIRST_SLOT, slot_index
from vm.trace.values import known_number, known_numbers
from vm.verifier.state.reg_types import BPF_ADD_CONST

if TYPE_CHECKING:
    from vm.trace.stored import StoredTrace

Values = Callable[[int, int], RegView | None]
"""How the values of a block are read: (index of the slot, row) -> view."""
MOST_KNOWN: Final = 20_000
_Rows = dict[tuple[int, int], int]
"""(frame, index) -> row of the value; without an entry nothing is there."""


def read(data: bytes) -> Block:
    """The block of these bytes; TraceError."""
    head = read_heading(data[:HEADER_SIZE], 0)
    return read_block(head, data[HEADER_SIZE : HEADER_SIZE + head.length])


def values_of(trace: StoredTrace) -> Callable[[Block], Values]:
    """How values of a verified program's blocks are read: block -> (index of the slot, row) -> view."""
    known: dict[bytes, RegView] = {}  # of registers, by the bytes of their rows: loops repeat their values

    def of_block(block: Block) -> Values:
        folded = Folded(block, trace.btf)
        starts, rows = block.row_starts, block.rows

        def view(index: int, row: int) -> RegView | None:
            if index < FIRST_SLOT and (plain := known_number(rows, starts[row - 1])) is not None:
                precise, reg_id, off, value = plain
                return number(value & U64)._replace(precise=precise, off=off, id=reg_id & ~BPF_ADD_CONST)
            if index >= FIRST_SLOT:  # its row names another one: the bytes alone do not say it
                return trace.facts(folded.value(index, row))
            key = rows[starts[row - 1] : starts[row] if row < len(starts) else len(rows)]
            found = known.get(key)
            if found is None:
                if len(known) >= MOST_KNOWN:
                    known.clear()
                found = known[key] = trace.facts(folded.value(index, row))
            return found

        return view

    return of_block


def values_of_log(block: Block) -> Values:
    """The same of a log that was read."""
    texts = stored.Texts(block)

    def view(index: int, row: int) -> RegView | None:
        return printed.view(texts[row])

    return view


def changes(block: Block, name: str) -> Iterator[int]:
    """Steps of a block at which a register or slot got a value or lost it."""
    frame, index = slot_index(name)
    wanted = frame << 8 | index
    starts = dict(zip(block.starts.first_step, block.starts.end, strict=True))
    last = -1
    for at in _places(block.changes.slot, {index}):
        if block.changes.slot[at] != wanted:
            continue
        place = bisect_right(block.end, at)
        step = block.first + place
        if place < len(block.end) and step != last and at >= starts.get(step, 0):
            last = step
            yield step


def may_begin(block: Block, condition: Condition, values: Values) -> bool:
    """Whether a condition may become true in a block, as far as the values of single places tell.

    It reads the values that the block holds of a place, each once, in no order: far less than following its steps.
    """
    for need in condition.needs:
        some, all_ = _held(block, need, values)
        if not some:
            return False
        # What holds all the time begins nowhere, unless a path or a function does.
        if condition.whole and all_ and not block.starts.end and _one_depth(block) and _is_there(block, need.place):
            return False
    return True


def _held(block: Block, need: Need, values: Values) -> tuple[bool, bool]:
    """(whether what is needed may hold in a block, whether it holds of every value of the place, in any frame)."""
    slot = need.place.slot
    changes, keyframe = block.changes.row, block.keyframe.row
    rows = {changes[at] for at in _places(block.changes.slot, {slot})}
    rows |= {keyframe[at] for at in _places(block.keyframe.slot, {slot})}
    some = need.of_nothing
    all_ = True
    if 0 in rows:
        rows.discard(0)
        all_ = need.of_nothing
    left: Iterable[int] = rows
    if need.of_number is not None and slot < FIRST_SLOT:
        starts = block.row_starts
        offsets = {starts[row - 1]: row for row in rows}
        known, others = known_numbers(block.rows, offsets)
        of_number = need.of_number
        hits = sum(1 for value in known if of_number(value))
        some = some or hits > 0
        all_ = all_ and hits == len(known)
        left = [offsets[at] for at in others]
    for row in left:
        if some and not all_:
            break
        holds = need.holds(partial(_given, values(slot, row)))
        some = some or holds
        all_ = all_ and holds
    return some, all_


def _given(view: RegView | None, place: Place) -> RegView | None:
    return view


def _one_depth(block: Block) -> bool:
    """Whether the number of frames is the same at all steps of a block."""
    depth = block.depth
    return not depth or (depth[0] == block.key_depth and depth.tobytes().count(depth[0]) == len(depth))


def _is_there(block: Block, place: Place) -> bool:
    """Whether the keyframe holds something at a place."""
    frame = block.key_depth - 1 if place.frame < 0 else place.frame
    wanted = frame << 8 | place.slot
    held = zip(block.keyframe.slot, block.keyframe.row, strict=True)
    return any(key == wanted and row for key, row in held)


def conditions(block: Block, condition: Condition, values: Values) -> Iterator[int]:
    """Steps of a block at which a condition becomes true, or is true at the first step of a path."""
    if not may_begin(block, condition, values):
        return
    places = condition.places
    decided: dict[tuple[tuple[int, int] | None, ...], bool] = {}

    only = places[0] if len(places) == 1 else None
    of_row: dict[int, bool] = {}

    def holds_of_one(rows: _Rows, depth: int, only: Place) -> bool:
        row = rows.get((depth - 1 if only.frame < 0 else only.frame, only.slot), 0)
        known = of_row.get(row)
        if known is None:
            view = values(only.slot, row) if row else None
            known = of_row[row] = condition.holds(partial(_given, view))
        return known

    def holds(rows: _Rows, depth: int) -> bool:
        if only is not None:
            return holds_of_one(rows, depth, only)

        def where(place: Place) -> tuple[int, int]:
            return (depth - 1 if place.frame < 0 else place.frame), place.slot

        key = tuple((where(place)[0], rows.get(where(place), 0)) for place in places)
        known = decided.get(key)
        if known is None:

            def state(place: Place) -> RegView | None:
                row = rows.get(where(place), 0)
                return values(place.slot, row) if row else None

            known = decided[key] = condition.holds(state)
        return known

    was: bool | None = None
    last = -1
    for place, begins, rows, depth in _states(block, {place.slot for place in places}):
        now = holds(rows, depth)
        if place >= 0 and now and (begins or not was) and place != last:
            last = place
            yield block.first + place
        was = now


def _states(block: Block, indexes: set[int]) -> Iterator[tuple[int, bool, _Rows, int]]:
    """(place, whether a path begins there, rows of these indexes after it, frames): where they or the frames differ.

    The first is the keyframe, with place -1. The rows are only good until the next.
    """
    rows: _Rows = {}
    slot, row = block.changes.slot, block.changes.row
    for key, value in zip(block.keyframe.slot, block.keyframe.row, strict=True):
        if key & 0xFF in indexes and value:
            rows[key >> 8, key & 0xFF] = value
    depth = block.key_depth
    yield -1, False, rows, depth
    events = list(_places(slot, indexes))
    starts = block.starts
    begun, done = 0, 0
    firsts = set(starts.first_step)

    def to(end: int, frames: int) -> None:
        nonlocal done, depth
        if frames < depth:
            for key in [key for key in rows if key[0] >= frames]:
                del rows[key]
        depth = frames
        while done < len(events) and events[done] < end:
            where = slot[events[done]]
            rows[where >> 8, where & 0xFF] = row[events[done]]
            done += 1

    for place in _interesting(block, events):
        step = block.first + place
        while begun < len(starts.end) and starts.first_step[begun] <= step:
            to(starts.end[begun], starts.depth[begun])
            begun += 1
        to(block.end[place], block.depth[place])
        yield place, step in firsts, rows, depth


def _interesting(block: Block, events: Iterable[int]) -> list[int]:
    """Places of steps at which one of these changes is made, the number of frames differs or a path begins."""
    count = len(block.end)
    found = {bisect_right(block.end, at) for at in events}
    found.update(match.start() for match in re.finditer(rb"(.)\1*", block.depth.tobytes(), re.DOTALL))
    found.update(step - block.first for step in block.starts.first_step)
    return sorted(place for place in found if 0 <= place < count)


def _places(slots: array[int], indexes: set[int]) -> Iterator[int]:
    """Places in a column of slots where one of these indexes stands, in any frame."""
    low = slots.tobytes()[::2]
    pattern = b"[" + b"".join(b"\\x%02x" % index for index in indexes) + b"]"
    return (match.start() for match in re.finditer(pattern, low))
