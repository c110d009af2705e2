"""The verifier's walk as protocol messages: chunks of steps, each with a keyframe (docs/protocol.md, "Steps")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from playground.present.reasons import reasons_json
from vm.errors import NotEmulated
from vm.kernel.release import RELEASE
from vm.program import Program
from vm.trace import as_json
from vm.trace.folded import Snapshot
from vm.trace.recorder import Recorder
from vm.trace.snapshots import live_slots, slot_index, value_at
from vm.trace.stored import StoredTrace, writer_in

if TYPE_CHECKING:
    from vm.pipeline import Verdict
    from vm.verifier.env import VerifierEnv

CHUNK: Final = 256
MAX_KNOWN: Final = 20_000
LOG_HEAD_LINES: Final = 2000
LOG_TAIL_LINES: Final = 3000


class WalkEncoder:
    """Turns steps of a trace into `steps` messages."""

    def __init__(self, program: Program, trace: StoredTrace) -> None:
        self._program = program
        self._trace = trace
        self._cache: dict[tuple[int, int], tuple[Any, dict[str, Any]]] = {}
        self._old: dict[str, Any] = {}

    def chunk(self, start: int, total: int) -> dict[str, Any]:
        """Up to CHUNK steps from `start` on. total: how many steps there are by now."""
        keyframe = self._keyframe(start)
        steps = [self._step(i) for i in range(start, min(start + CHUNK, len(self._trace)))]
        return {"type": "steps", "stage": "verify", "from": start, "total": total, "keyframe": keyframe, "steps": steps}

    def _reg(self, value: Any, name: str, snap: Snapshot) -> dict[str, Any]:
        frameno = int(name.split(":")[0]) if ":" in name else 0
        # Values are never changed, and kept alive here: their identity is a key.
        key = (id(value), frameno)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= MAX_KNOWN:
                self._cache.clear()
            found = value, as_json.reg(self._trace.view(value, snap, name))
            self._cache[key] = found
        return found[1]

    def _keyframe(self, start: int) -> dict[str, Any]:
        snap = self._trace.listed_before(start) if start else self._trace.raw(-1)
        self._old = dict(live_slots(snap))
        state = {
            name: {**self._reg(value, name, snap), "w": writer_in(snap, *slot_index(name))}
            for name, value in self._old.items()
        }
        return {"state": state, "depth": len(snap)}

    def _step(self, i: int) -> dict[str, Any]:
        r = self._trace
        snap, before = r.raw(i), r.before(i)
        last = r.listed_before(i)
        wrote, ended = r.changes(i)
        out: dict[str, Any] = {"insn": r.insn_idx(i), "path": r.path_of(i), "frame": snap[-1].frameno if snap else 0}
        if i > 0 and snap is last:
            new = self._old
        else:
            new = dict(live_slots(snap))
            changed = {n: self._set(v, n, i, snap) for n, v in new.items() if self._old.get(n) is not v}
            gone = [n for n in self._old if n not in new]
            if changed:
                out["set"] = changed
            if gone:
                out["del"] = gone
            if i == 0 or len(snap) != len(last):
                out["depth"] = len(snap)
        if before != i - 1:
            # Steps are told as changes to the step above them; what this one did is something else here.
            out["prev"] = before
            out["wrote"] = list(wrote)
            out["was"] = self._found(i, (*wrote, *ended))
        read = r.reads(i)
        if read:
            out["read"] = list(read)
        self._old = new
        return out

    def _found(self, i: int, names: Iterable[str]) -> dict[str, Any]:
        """What these names held as step i found them; those left out held nothing."""
        r = self._trace
        snap = r.raw_before(i)
        found = {}
        for name in names:
            frame, idx = slot_index(name)
            value = value_at(snap, frame, idx)
            if value is not None:
                reg = as_json.reg(r.view(value, snap, name))
                found[name] = {**reg, "w": r.writer_before(i, frame, idx)}
        return found

    def _set(self, value: Any, name: str, i: int, snap: Snapshot) -> dict[str, Any]:
        """A Reg as step i leaves it; with `w` where the step only told something about it."""
        writer = writer_in(snap, *slot_index(name))
        reg = self._reg(value, name, snap)
        return reg if writer == i else {**reg, "w": writer}


def cut_log(log: str, steps: list[tuple[int, int]]) -> tuple[str, int, list[tuple[int, int]]]:
    """(text, bytes left out, line -> step): a long log keeps its beginning and, above all, its end."""
    lines = log.split("\n")
    left_out = len(lines) - LOG_HEAD_LINES - LOG_TAIL_LINES
    if left_out <= 0:
        return log, 0, steps
    head, tail = lines[:LOG_HEAD_LINES], lines[-LOG_TAIL_LINES:]
    cut = sum(len(line) + 1 for line in lines[LOG_HEAD_LINES:-LOG_TAIL_LINES])
    text = "\n".join([*head, f"… {left_out:,} lines left out …", *tail])
    resume = LOG_HEAD_LINES + left_out
    kept = [
        (line if line < LOG_HEAD_LINES else line - left_out + 1, step)
        for line, step in steps
        if line < LOG_HEAD_LINES or line >= resume
    ]
    return text, cut, kept


def verdict_json(program: Program, verdict: Verdict, recorder: Recorder) -> dict[str, Any]:
    """The fields of the `verify` stage message."""
    log, cut, log_steps = cut_log(verdict.log, list(recorder.log_steps))
    failure = verdict.failure
    fail = None
    if failure is not None:
        fail = as_json.failure(failure, program.line_of)
    return {
        "verdict": verdict.verdict,
        "errno": verdict.errno,
        "message": verdict.message,
        "insns_processed": verdict.insns_processed,
        "log": log,
        "log_cut": cut,
        "log_steps": log_steps,
        "fail": fail,
        **_walked(recorder),
        "not_emulated": [],
        "not_covered": [],
    }


def unfinished_json(program: Program, env: VerifierEnv, recorder: Recorder, missing: NotEmulated) -> dict[str, Any]:
    """The fields of a `verify` stage that came to something that is not emulated: no verdict, and the walk so far."""
    return {
        "verdict": "none",
        "errno": 0,
        "insns_processed": env.insn_processed,
        "log": "",
        "log_cut": 0,
        "log_steps": [],
        "fail": None,
        **_walked(recorder),
        "not_emulated": [missing.what],
        "not_covered": [missing.as_json()],
        "stopped": {"step": len(recorder) - 1, "insn": env.insn_idx, "line": program.line_of(env.insn_idx)},
    }


def _walked(recorder: Recorder) -> dict[str, Any]:
    """What is told of a walk beside its steps."""
    return {
        "kernel": RELEASE,
        "steps": len(recorder),
        "visits": dict(Counter(recorder.all_insns())),
        "paths": [
            as_json.path(p)
            for p in recorder.path_list(min(MAX_PATHS, recorder.ended_count()))
        ],
        "paths_total": recorder.ended_count(),
        **reasons_json(recorder),
    }  # fmt: skip


MAX_PATHS: Final = 1000
