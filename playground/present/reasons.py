"""Lists about a walk: paths, prunings, failed comparisons, precision marks and holdings (docs/protocol.md).

The verdict's message has the beginning of each list. The rest is stored as numbers (vm/trace/reasons.py), from which
records are made when a client requests them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from playground.jobs.frames import DAMAGED
from playground.present.parts import parts
from vm import pipeline
from vm.caps import Caps
from vm.program import Program
from vm.trace import as_json
from vm.trace.blocks import InMemory
from vm.trace.reasons import Reasons, as_numbers
from vm.trace.recorder import Recorder

Json = dict[str, Any]

MAX_PATHS: Final = 1000
MAX_TOLD: Final = 500
"""Largest number of records of each other kind; the totals count all of them."""
MAX_PARTS: Final = 32
"""Largest number of compared slots, links of a chain, or releases of a record."""

RECORDS: Final[dict[str, tuple[int, Callable[[Any], Json]]]] = {
    "paths": (60, as_json.path),
    "prunings": (150, lambda record: as_json.pruning(record, MAX_PARTS)),
    "arrivals": (100, as_json.arrival),
    "precision": (80, lambda record: as_json.precision(record, MAX_PARTS)),
    "holdings": (80, lambda record: as_json.holding(record, MAX_PARTS)),
}
"""By the name of a list: lower limit of the bytes of a record, and its conversion to JSON."""


def reasons(recorder: Recorder) -> dict[str, tuple[int, Iterator[Json]]]:
    """The lists by name: number of records, and an iterator that makes them."""
    totals = recorder.totals()
    paths = min(MAX_PATHS, recorder.ended_count())
    found: dict[str, tuple[int, Iterable[Any]]] = {
        "paths": (paths, recorder.path_list(paths)),
        "prunings": (totals["prunings"], recorder.first_prunings(MAX_TOLD)),
        "arrivals": (totals["arrivals"], recorder.first_arrivals(MAX_TOLD)),
        "precision": (totals["precision"], recorder.first_marks(MAX_TOLD)),
        "holdings": (totals["holdings"], islice(recorder.holdings, MAX_TOLD)),
    }
    return {
        name: (min(count, MAX_PATHS if name == "paths" else MAX_TOLD), map(RECORDS[name][1], records))
        for name, (count, records) in found.items()
    }


def numbers_message(recorder: Recorder) -> Json:
    """The message from which list_job() makes the records of all lists."""
    return {"type": "reasons", **as_numbers(recorder, MAX_PATHS, MAX_TOLD, MAX_PARTS)}


def list_job(request: Json, read: Callable[[str], tuple[Program, Caps]]) -> Iterator[Json]:
    """The `part` messages with items [from, to) of a list, as far as they exist; an error message if the numbers are
    damaged.

    read -- loads the program of the request
    """
    name, first, to = request["list"], request["from"], request["to"]
    program, caps = read(request["program"])
    try:
        found = Reasons(_numbers(request["numbers"]), pipeline.stored_trace(program, InMemory(), caps=caps))
        records: Iterator[Any] = getattr(found, name)()
        items = [RECORDS[name][1](record) for record in islice(records, first, to)]
    except (ValueError, KeyError, TypeError, IndexError, struct.error):
        yield {"type": "error", "code": DAMAGED, "message": "What was stored of this run cannot be read."}
        return
    yield from parts(name, items, first)


@lru_cache(maxsize=2)
def _numbers(text: str) -> Json:
    found: Json = json.loads(text)
    return found
