"""Why: a rejection's reason and causes, what covered paths, what had to be precise, what is held (docs/protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from vm.verifier.recorder import Recorder
from vm.verifier.trace import Failure, RegView

MAX_TOLD: Final = 500  # of each kind: what the page can show; the totals say how many there are
MAX_CHAIN: Final = 32
MAX_COMPARED: Final = 24


def failure_json(
    failure: Failure, line_of: Callable[[int], int | None], reg_json: Callable[[RegView], dict[str, Any]]
) -> dict[str, Any]:
    """The `fail` of a refused program."""
    proven = failure.proven
    return {
        "step": failure.step,
        "insn": failure.insn_idx,
        "line": line_of(failure.insn_idx),
        "reg": failure.reg,
        "category": failure.category,
        "proven": {**reg_json(proven), "w": proven.written_at} if proven is not None else None,
        "proven_text": failure.proven_text,
        "needed": failure.needed,
        "causes": [
            {
                "step": c.step, "insn": c.insn_idx, "line": line_of(c.insn_idx) if c.insn_idx >= 0 else None,
                "name": c.name, "kind": c.kind, "why": c.why,
            }
            for c in failure.causes
        ],
    }  # fmt: skip


def reasons_json(recorder: Recorder) -> dict[str, Any]:
    """`prunings`, `arrivals`, `precision` and `holdings` of the `verify` stage, the first of each."""
    prunings, precision, holdings = recorder.first_prunings(MAX_TOLD), recorder.first_marks(MAX_TOLD), recorder.holdings
    return {
        "prunings": [
            {
                "insn": p.insn_idx, "path": p.path, "after": p.after, "checkpoint": p.checkpoint, "rule": p.rule,
                "exact": p.exact, "text": p.text, "compared": [list(c) for c in p.compared[:MAX_COMPARED]],
            }
            for p in prunings
        ],
        "arrivals": [
            {
                "insn": a.insn_idx, "path": a.path, "after": a.after, "checkpoint": a.checkpoint, "rule": a.rule,
                "name": a.name, "text": a.text,
            }
            for a in recorder.first_arrivals(MAX_TOLD)
        ],
        "precision": [
            {
                "step": m.step, "insn": m.insn_idx, "path": m.path, "names": list(m.names), "why": m.why,
                "text": m.text, "chain": [[c.insn_idx, list(c.names)] for c in m.chain[:MAX_CHAIN]],
            }
            for m in precision
        ],
        "holdings": [
            {
                "kind": h.kind, "id": h.id, "by": h.by, "step": h.step, "insn": h.insn_idx, "path": h.path,
                "released": [
                    {"step": r.step, "path": r.path, "insn": r.insn_idx, "how": r.how} for r in h.released[:MAX_CHAIN]
                ],
                "still_held": list(h.still_held),
            }
            for h in holdings[:MAX_TOLD]
        ],
        "reasons_total": recorder.totals(),
    }  # fmt: skip
