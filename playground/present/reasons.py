"""Why: what covered paths, why values had to be precise, what is held (docs/protocol.md, "verify done or failed")."""

from __future__ import annotations

from typing import Any, Final

from vm.verifier import as_json
from vm.verifier.recorder import Recorder

MAX_TOLD: Final = 500  # of each kind: what the page can show; the totals say how many there are
MAX_PARTS: Final = 32  # compared slots, links of a chain, releases


def reasons_json(recorder: Recorder) -> dict[str, Any]:
    """`prunings`, `arrivals`, `precision` and `holdings` of the `verify` stage, the first of each."""
    return {
        "prunings": [as_json.pruning(p, MAX_PARTS) for p in recorder.first_prunings(MAX_TOLD)],
        "arrivals": [as_json.arrival(a) for a in recorder.first_arrivals(MAX_TOLD)],
        "precision": [as_json.precision(m, MAX_PARTS) for m in recorder.first_marks(MAX_TOLD)],
        "holdings": [as_json.holding(h, MAX_PARTS) for h in recorder.holdings[:MAX_TOLD]],
        "reasons_total": recorder.totals(),
    }
