"""Why: what covered paths, why values had to be precise, what is held (docs/protocol.md, "verify done or failed")."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from vm.trace import as_json
from vm.trace.recorder import Recorder

MAX_TOLD: Final = 500  # of each kind: what the page can show; the totals say how many there are
MAX_PARTS: Final = 32  # compared slots, links of a chain, releases
MAX_BYTES: Final = 150_000  # of each kind, as JSON


def reasons_json(recorder: Recorder) -> dict[str, Any]:
    """`prunings`, `arrivals`, `precision` and `holdings` of the `verify` stage, the first of each."""
    return {
        "prunings": first(as_json.pruning(p, MAX_PARTS) for p in recorder.first_prunings(MAX_TOLD)),
        "arrivals": first(as_json.arrival(a) for a in recorder.first_arrivals(MAX_TOLD)),
        "precision": first(as_json.precision(m, MAX_PARTS) for m in recorder.first_marks(MAX_TOLD)),
        "holdings": first(as_json.holding(h, MAX_PARTS) for h in recorder.holdings[:MAX_TOLD]),
        "reasons_total": recorder.totals(),
    }


def first(records: Iterable[dict[str, Any]], most: int = MAX_BYTES) -> list[dict[str, Any]]:
    """As many of the records as `most` bytes hold, in order."""
    told = []
    for record in records:
        most -= len(json.dumps(record))
        if most < 0:
            break
        told.append(record)
    return told
