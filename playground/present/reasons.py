"""Why: what covered paths, why values had to be precise, what is held (docs/protocol.md, "verify done or failed")."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from vm.trace import as_json
from vm.trace.recorder import Recorder

MAX_TOLD: Final = 500  # of each kind: what the page can show; the totals say how many there are
MAX_PARTS: Final = 32  # compared slots, links of a chain, releases


def reasons(recorder: Recorder) -> dict[str, tuple[int, Iterator[dict[str, Any]]]]:
    """The lists `prunings`, `arrivals`, `precision` and `holdings`: how many records each has, and the records.

    A record is made when the iterator gets to it: what a pruning compared is read from the trace.
    """
    totals = recorder.totals()
    records: dict[str, Iterator[dict[str, Any]]] = {
        "prunings": (as_json.pruning(p, MAX_PARTS) for p in recorder.first_prunings(MAX_TOLD)),
        "arrivals": (as_json.arrival(a) for a in recorder.first_arrivals(MAX_TOLD)),
        "precision": (as_json.precision(m, MAX_PARTS) for m in recorder.first_marks(MAX_TOLD)),
        "holdings": (as_json.holding(h, MAX_PARTS) for h in islice(recorder.holdings, MAX_TOLD)),
    }
    return {name: (min(totals[name], MAX_TOLD), found) for name, found in records.items()}
