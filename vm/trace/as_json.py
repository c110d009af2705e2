"""Converts the trace's records to JSON objects (docs/trace.md, "As JSON lines"), which are also part of messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from vm.trace.records import (
    Arrival,
    Failure,
    Holding,
    Path,
    PrecisionMark,
    Pruning,
    RegView,
    Verification,
)
from vm.trace.root_cause import RootCause
from vm.trace.snapshots import live_slots

if TYPE_CHECKING:
    from vm.trace.recorder import Recorder

VERSION: Final = 1
MAX_STEPS: Final = 200_000
MAX_RECORDS: Final = 20_000  # of each other kind

Json = dict[str, Any]
LineOf = Callable[[int], int | None]


def reg(view: RegView) -> Json:
    """A Reg of docs/protocol.md, without `w`."""
    out: Json = {"k": view.kind, "t": view.text}
    if view.maybe_null:
        out["null"] = True
    if view.precise:
        out["p"] = True
    if view.scalar is not None:
        s = view.scalar
        out["s"] = {
            "umin": str(s.umin), "umax": str(s.umax), "smin": str(s.smin), "smax": str(s.smax),
            "value": f"{s.value:#x}", "mask": f"{s.mask:#x}",
            "u32min": s.u32_min, "u32max": s.u32_max, "s32min": s.s32_min, "s32max": s.s32_max,
        }  # fmt: skip
    for key, value in (
        ("off", view.off), ("range", view.range), ("id", view.id), ("ref", view.ref_obj_id), ("map", view.map),
        ("size", view.size),
    ):  # fmt: skip
        if value:
            out[key] = value
    return out


def path(p: Path) -> Json:
    out = {
        "id": p.id, "parent": p.parent, "push_step": p.push_step, "first_step": p.first_step,
        "last_step": p.last_step, "end": p.end, "pruned_by": p.pruned_by,
    }  # fmt: skip
    return out | {"speculative": True} if p.speculative else out


def pruning(p: Pruning, most: int = 1 << 30) -> Json:
    """most: largest number of compared slots."""
    return {
        "insn": p.insn_idx, "path": p.path, "after": p.after, "checkpoint": p.checkpoint, "rule": p.rule,
        "exact": p.exact, "text": p.text, "compared": [list(c) for c in p.compared[:most]],
    }  # fmt: skip


def arrival(a: Arrival) -> Json:
    return {
        "insn": a.insn_idx, "path": a.path, "after": a.after, "checkpoint": a.checkpoint, "rule": a.rule,
        "exact": a.exact, "name": a.name, "text": a.text,
    }  # fmt: skip


def precision(m: PrecisionMark, most: int = 1 << 30) -> Json:
    """most: largest number of links of the chain."""
    return {
        "step": m.step, "insn": m.insn_idx, "path": m.path, "names": list(m.names), "why": m.why, "text": m.text,
        "chain": [[c.insn_idx, list(c.names)] for c in m.chain[:most]],
    }  # fmt: skip


def holding(h: Holding, most: int = 1 << 30) -> Json:
    """most: largest number of releases."""
    return {
        "kind": h.kind, "id": h.id, "by": h.by, "step": h.step, "insn": h.insn_idx, "path": h.path,
        "released": [{"step": r.step, "path": r.path, "insn": r.insn_idx, "how": r.how} for r in h.released[:most]],
        "still_held": list(h.still_held),
    }  # fmt: skip


def failure(f: Failure, line_of: LineOf) -> Json:
    """line_of: 1-based source line of an instruction, None if it has none."""
    proven = f.proven
    return {
        "rule": f.rule, "category": f.category, "message": f.message, "partners": list(f.partners),
        "explanation": f.explanation,
        "step": f.step, "insn": f.insn_idx, "line": line_of(f.insn_idx), "reg": f.reg,
        "proven": {**reg(proven), "w": proven.written_at} if proven is not None else None,
        "proven_text": f.proven_text, "needed": f.needed,
        "causes": [
            {
                "step": c.step, "insn": c.insn_idx, "line": line_of(c.insn_idx) if c.insn_idx >= 0 else None,
                "name": c.name, "kind": c.kind, "why": c.why,
            }
            for c in f.causes
        ],
        "cause": root_cause(f.cause),
    }  # fmt: skip


def root_cause(cause: RootCause) -> Json:
    check = cause.source_check
    return {
        "kind": cause.kind.value, "step": cause.step, "insn": cause.insn_idx, "line": cause.line,
        "source_check": {"line": check.line, "text": check.text} if check is not None else None,
        "insns": list(cause.insns),
    }  # fmt: skip


def lines(verification: Verification, recorder: Recorder, line_of: LineOf, about: Json) -> Iterator[str]:
    """The whole trace as JSON lines; `about` goes into the first (file, program)."""
    steps = min(len(recorder), MAX_STEPS)
    kinds: tuple[tuple[str, list[Json]], ...] = (
        ("pruning", [pruning(p) for p in recorder.first_prunings(MAX_RECORDS)]),
        ("arrival", [arrival(a) for a in recorder.first_arrivals(MAX_RECORDS)]),
        ("precision", [precision(m) for m in recorder.first_marks(MAX_RECORDS)]),
        ("holding", [holding(h) for h in recorder.holdings[:MAX_RECORDS]]),
    )
    totals = {"steps": len(recorder), "paths": len(recorder.paths), **recorder.totals()}
    yield _line(
        "walk", version=VERSION, **about, verdict=verification.verdict, errno=verification.errno,
        message=verification.message, insns_processed=verification.insns_processed, totals=totals,
    )  # fmt: skip
    for p in recorder.paths[:MAX_RECORDS]:
        yield _line("path", **path(p), start=_slots(recorder, recorder.start(p.id), p.push_step))
    for i in range(steps):
        yield _line("step", **_step(recorder, i))
    for kind, records in kinds:
        for record in records:
            yield _line(kind, **record)
    if verification.failure is not None:
        yield _line("failure", **failure(verification.failure, line_of))
    told = {"steps": steps, "paths": min(len(recorder.paths), MAX_RECORDS)}
    told |= {f"{kind}s" if kind != "precision" else kind: len(records) for kind, records in kinds}
    yield _line("end", left_out={name: count - told[name] for name, count in totals.items()})


def _line(record: str, **fields: Any) -> str:
    return json.dumps({"record": record, **fields}, ensure_ascii=False)


def _slots(recorder: Recorder, snap: Any, before: int) -> Json:
    """All live slots at the start of a path."""
    return {
        name: {**reg(recorder.view(value, snap, name)), "w": recorder.writer(before, name)}
        for name, value in live_slots(snap).items()
    }


def _step(recorder: Recorder, i: int) -> Json:
    snap = recorder.raw(i)
    changed, gone = recorder.changes(i)
    now = live_slots(snap)
    return {
        "step": i,
        "insn": recorder.insn_idx(i),
        "path": recorder.path_of(i),
        "frame": snap[-1].frameno if snap else 0,
        "before": recorder.before(i),
        "set": {name: {**reg(recorder.view(now[name], snap, name)), "w": recorder.writer(i, name)} for name in changed},
        "gone": list(gone),
        "reads": list(recorder.reads(i)),
    }
