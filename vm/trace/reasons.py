"""The first paths, comparisons, precision marks and holdings of a finished walk as numbers.

Writing them makes no text and reads no state; reading them needs no block of the trace. The text of a record is made
when the record is read.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from vm.trace import retell
from vm.trace.records import Arrival, Holding, Path, PrecisionMark, Pruning, Release
from vm.trace.snapshots import FIRST_SLOT
from vm.trace.values import ValueReader, ValueWriter
from vm.verifier.journal import Comparison, Mark, Slot
from vm.verifier.state.frame import StackSlot

if TYPE_CHECKING:
    from vm.trace.recorder import Recorder
    from vm.trace.stored import StoredTrace

Json = dict[str, Any]
_NO_VALUE: Final = -1
"""Stands for a register or slot that does not exist. Row 0 is one without a value."""


def as_numbers(trace: Recorder, paths: int, most: int, links: int) -> Json:
    """The numbers from which Reasons reads its records, for JSON.

    paths -- largest number of paths; most -- largest number of records of each other kind
    links -- largest number of links of a chain, and of releases of a holding
    """
    journal = trace.journal
    values = ValueWriter(trace.btf)
    found = {
        "paths": [list(path) for path in trace.path_list(min(paths, trace.ended_count()))],
        "prunings": [_hit(trace, c, values) for c in journal.hits()[:most]],
        "arrivals": [_miss(trace, c, values) for c in journal.misses()[:most]],
        "precision": [
            [retell.step_of_mark(trace, m), m.insn_idx, m.path, m.frame, m.regs, m.slots, m.why, chain[:links]]
            for m, chain in ((m, journal.chain(m)) for m in islice(journal.marks(), most))
        ],
        "holdings": [
            [*holding[:6], [list(each) for each in holding.released[:links]], list(holding.still_held)]
            for holding in trace.holdings[:most]
        ],
    }
    return {**found, "starts": values.starts, "rows": base64.b64encode(values.data()).decode()}


def _hit(trace: Recorder, c: Comparison, values: ValueWriter) -> list[Any]:
    rows = [[_row(value, values) for value in each] for each in (c.values, c.arrived, c.below)]
    return [c.insn_idx, c.path, trace.after(c.path, c.step), c.checkpoint, c.rule, c.places, *rows]


def _miss(trace: Recorder, c: Comparison, values: ValueWriter) -> list[Any]:
    after = trace.after(c.path, c.step)
    old, cur = _row(c.old, values), _row(c.cur, values)
    return [c.insn_idx, c.path, after, c.checkpoint, c.rule, c.why, c.frame, c.slot, old, cur]


def _row(value: Slot, values: ValueWriter) -> int:
    if value is None:
        return _NO_VALUE
    return values.row_of_slot(value) if isinstance(value, StackSlot) else values.row_of(value)


class Reasons:
    """Reads the records from as_numbers(). trace: a trace of the program, of which no block is needed.

    ValueError, KeyError, TypeError, IndexError or struct.error where the numbers are not what as_numbers() returned.
    """

    def __init__(self, numbers: Json, trace: StoredTrace) -> None:
        self._numbers = numbers
        self._trace = trace
        self._values = ValueReader(base64.b64decode(numbers["rows"]), numbers["starts"], trace.btf)

    def paths(self) -> Iterator[Path]:
        """The paths, in the order of the walk."""
        for fields in self._numbers["paths"]:
            yield Path(*fields)

    def prunings(self) -> Iterator[Pruning]:
        """Comparisons in which a checkpoint covered the state."""
        for insn_idx, path, after, checkpoint, rule, places, old, cur, below in self._numbers["prunings"]:
            c = _comparison(insn_idx, path, checkpoint, rule)
            c.covered, c.places = True, places
            c.values = self._slots(places, old)
            c.arrived = self._slots(places, cur)
            c.below = [self._slot(FIRST_SLOT, row) for row in below]
            yield retell.pruning(self._trace, c, after)

    def arrivals(self) -> Iterator[Arrival]:
        """Comparisons in which a checkpoint did not cover the state."""
        for insn_idx, path, after, checkpoint, rule, why, frame, slot, old, cur in self._numbers["arrivals"]:
            c = _comparison(insn_idx, path, checkpoint, rule)
            c.why, c.frame, c.slot = why, frame, slot
            c.old, c.cur = self._slot(slot, old), self._slot(slot, cur)
            yield retell.arrival(self._trace, c, after)

    def precision(self) -> Iterator[PrecisionMark]:
        """Values that had to be precise."""
        for step, insn_idx, path, frame, regs, slots, why, chain in self._numbers["precision"]:
            m = Mark()
            m.step, m.insn_idx, m.path, m.frame, m.regs, m.slots, m.why = step, insn_idx, path, frame, regs, slots, why
            yield retell.precision(self._trace, m, chain, step)

    def holdings(self) -> Iterator[Holding]:
        """Acquired resources."""
        for kind, number, by, step, insn_idx, path, released, still_held in self._numbers["holdings"]:
            given_back = tuple(Release(*each) for each in released)
            yield Holding(kind, number, by, step, insn_idx, path, given_back, tuple(still_held))

    def _slot(self, slot: int, row: int) -> Slot:
        if row == _NO_VALUE:
            return None
        return self._values.register(row) if slot < FIRST_SLOT else self._values.slot(row)

    def _slots(self, places: Sequence[int], rows: Sequence[int]) -> list[Slot]:
        return [self._slot(place & 0xFF, row) for place, row in zip(places, rows, strict=True)]


def _comparison(insn_idx: int, path: int, checkpoint: int, rule: int) -> Comparison:
    c = Comparison()
    c.insn_idx, c.path, c.checkpoint, c.rule = insn_idx, path, checkpoint, rule
    return c
