"""Converts the verifier's walk to protocol messages: chunks of steps with a keyframe (docs/protocol.md, "Steps")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from playground.present.parts import LEAST, divided, sampled
from playground.present.reasons import RECORDS, reasons
from vm.errors import NotEmulated
from vm.kernel.release import RELEASE
from vm.program import Program
from vm.trace import as_json
from vm.trace.folded import Snapshot
from vm.trace.recorder import Recorder
from vm.trace.records import Path
from vm.trace.snapshots import live_slots, slot_index, value_at
from vm.trace.stored import StoredTrace, writer_in
from vm.trace.tree import branches

if TYPE_CHECKING:
    from vm.pipeline import Verdict
    from vm.verifier.env import VerifierEnv

CHUNK: Final = 256
FIRST_STEPS: Final = 128
"""Number of steps that are sent without a request, for the page's first steps."""
MAX_KNOWN: Final = 20_000
LOG_HEAD_LINES: Final = 2000
LOG_TAIL_LINES: Final = 3000
LOG_WHOLE: Final = 24_000
"""Largest number of characters of a log that is sent with the verdict completely."""
LOG_HEAD: Final = 9_000
LOG_TAIL: Final = 4_000
INDEX_EVERY: Final = 64
"""Distance of the entries of `log_index`, in pairs of line and step."""
MARKS: Final = 250


class WalkEncoder:
    """Converts steps of a trace to `steps` messages."""

    def __init__(self, program: Program, trace: StoredTrace) -> None:
        self._program = program
        self._trace = trace
        self._cache: dict[tuple[int, int], tuple[Any, dict[str, Any]]] = {}
        self._old: dict[str, Any] = {}

    def chunk(self, start: int, total: int, most: int = 0) -> dict[str, Any]:
        """Up to CHUNK (or `most`) steps from `start` on. total: number of steps so far."""
        keyframe = self._keyframe(start)
        steps = [self._step(i) for i in range(start, min(start + (most or CHUNK), len(self._trace)))]
        return {"type": "steps", "stage": "verify", "from": start, "total": total, "keyframe": keyframe, "steps": steps}

    def _reg(self, value: Any, name: str, snap: Snapshot) -> dict[str, Any]:
        frameno = int(name.split(":")[0]) if ":" in name else 0
        # Values are immutable and kept alive here, so that their identity is a key.
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
            # A step is sent as the difference from the previous one; here this is not what the instruction changed.
            out["prev"] = before
            out["wrote"] = list(wrote)
            out["was"] = self._found(i, (*wrote, *ended))
        read = r.reads(i)
        if read:
            out["read"] = list(read)
        self._old = new
        return out

    def _found(self, i: int, names: Iterable[str]) -> dict[str, Any]:
        """The values of these names before step i; names without a value are left out."""
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
        """A Reg after step i; with `w` if the step only narrowed it."""
        writer = writer_in(snap, *slot_index(name))
        reg = self._reg(value, name, snap)
        return reg if writer == i else {**reg, "w": writer}


def walk_json(program: Program, trace: StoredTrace, most: int) -> dict[str, Any]:
    """The first steps of a walk beside the one that is shown. What wrote a register is told by steps of this walk."""
    told = WalkEncoder(program, trace).chunk(0, len(trace), most)
    return {name: told[name] for name in ("total", "keyframe", "steps")}


class Told(NamedTuple):
    """fields -- of the `verify` stage message; lists -- all items of the lists of which it has only the beginning;
    reasons -- whether it has only the beginning of a list of reasons.py.
    """

    fields: dict[str, Any]
    lists: dict[str, Iterable[Any]]
    reasons: bool = False


def cut_log(log: str, steps: list[tuple[int, int]]) -> tuple[str, int, list[tuple[int, int]]]:
    """(text, bytes left out, (line, step) pairs) of a log; of a long one the beginning and a larger part of the end."""
    return shortened(log, steps, LOG_HEAD_LINES, LOG_TAIL_LINES)


def shortened(log: str, steps: list[tuple[int, int]], first: int, last: int) -> tuple[str, int, list[tuple[int, int]]]:
    """cut_log() to the first `first` and the last `last` lines; a line between them says how many are left out."""
    lines = log.split("\n")
    left_out = len(lines) - first - last
    if left_out <= 0:
        return log, 0, steps
    head, tail = lines[:first], lines[-last:]
    cut = sum(len(line) + 1 for line in lines[first:-last])
    text = "\n".join([*head, f"… {left_out:,} lines left out …", *tail])
    resume = first + left_out
    kept = [
        (line if line < first else line - left_out + 1, step) for line, step in steps if line < first or line >= resume
    ]
    return text, cut, kept


def log_told(log: str, steps: list[tuple[int, int]], *, stopped: bool) -> Told:
    """The fields for a log. stopped: it does not cover all steps; the rest is made on request."""
    text, cut, pairs = cut_log(log, steps)
    if len(text) <= LOG_WHOLE:
        return Told({"log": text, "log_cut": cut, "log_steps": pairs, "log_more": stopped}, {})
    lines = text.removesuffix("\n").split("\n")
    first = _lines_within(lines, LOG_HEAD)
    last = max(_lines_within(reversed(lines), LOG_TAIL), 1)
    brief, _, shown = shortened("\n".join(lines), pairs, first, last)
    fields = {"log": brief, "log_cut": len(log) - len(brief), "log_steps": shown, "log_more": True}
    if stopped:
        return Told(fields, {})
    step_of = dict(pairs)
    fields |= {"log_head": first, "log_index": sampled(pairs, INDEX_EVERY)}
    return Told(fields, {"log": [[line, step_of.get(i, -1)] for i, line in enumerate(lines)]})


def _lines_within(lines: Iterable[str], most: int) -> int:
    """The number of first lines that have at most `most` characters together."""
    count = 0
    for line in lines:
        most -= len(line) + 1
        if most < 0:
            break
        count += 1
    return count


def verdict_json(program: Program, verdict: Verdict, recorder: Recorder, *, log_stopped: bool = False) -> Told:
    """The fields of the `verify` stage message, and the lists of which it has only the beginning."""
    log = log_told(verdict.log, list(recorder.log_steps), stopped=log_stopped)
    failure = verdict.failure
    fail = None
    if failure is not None:
        fail = as_json.failure(failure, program.line_of)
        for told in (fail, *fail["causes"]):
            info = program.place_of(told["insn"]) if told["insn"] >= 0 else None
            if info is not None and (file := program.file_of(info)):
                told["file"] = file
    return _walked(
        recorder,
        {
            "verdict": verdict.verdict,
            "errno": verdict.errno,
            "message": verdict.message,
            "insns_processed": verdict.insns_processed,
            **log.fields,
            "fail": fail,
            "not_emulated": [],
            "not_covered": [],
        },
        log.lists,
    )


def unfinished_json(program: Program, env: VerifierEnv, recorder: Recorder, missing: NotEmulated) -> Told:
    """verdict_json() for a walk that reached something that is not emulated: no verdict, and the walk so far."""
    return _walked(
        recorder,
        {
            "verdict": "none",
            "errno": 0,
            "insns_processed": env.insn_processed,
            "log": "",
            "log_cut": 0,
            "log_steps": [],
            "fail": None,
            "not_emulated": [missing.what],
            "not_covered": [missing.as_json()],
            "stopped": {"step": len(recorder) - 1, "insn": env.insn_idx, "line": program.line_of(env.insn_idx)},
        },
        {},
    )


def _walked(recorder: Recorder, fields: dict[str, Any], lists: dict[str, Iterable[Any]]) -> Told:
    """Adds the fields and lists that every walk has besides its steps."""
    fields |= {
        "kernel": RELEASE,
        "steps": len(recorder),
        "visits": dict(recorder.visits()),
        "paths_total": recorder.ended_count(),
        "reasons_total": recorder.totals(),
    }
    lists = dict(lists)
    more = {name: len(items) for name, items in lists.items() if isinstance(items, list)}
    of_reasons = {}
    rest: Iterator[Any] | None
    for name, (count, records) in reasons(recorder).items():
        fields[name], rest = divided(records, records=count, least=RECORDS[name][0])
        if rest is not None:
            of_reasons[name] = count
    nodes = min(MAX_BRANCHES, recorder.ended_count())
    tree = (list(branch) for branch in branches(recorder, nodes))
    if nodes * LEAST > TREE_WHOLE:
        # Of a long walk no branch is read before the verdict.
        fields["tree"], rest = [], tree
    else:
        fields["tree"], rest = divided(tree, records=nodes)
    if rest is not None:
        lists["tree"], more["tree"] = rest, nodes
    if more or of_reasons:
        fields["more"] = {**more, **of_reasons}
    if "paths" in of_reasons:
        fields["path_marks"] = path_marks(recorder.path_list(of_reasons["paths"]), len(recorder))
    return Told(fields, lists, bool(of_reasons))


def path_marks(paths: Iterable[Path], steps: int) -> dict[str, list[int]]:
    """Steps where paths fork and end, by kind; at most one of each kind in each of MARKS parts of the walk."""
    found: dict[str, dict[int, int]] = {"fork": {}, "safe": {}, "exit": {}, "reject": {}}
    for path in paths:
        for kind, step in (("fork", path.push_step), (path.end, path.last_step)):
            if step >= 0 and kind in found:
                found[kind].setdefault(step * MARKS // max(steps, 1), step)
    return {kind: list(places.values()) for kind, places in found.items()}


MAX_BRANCHES: Final = 60_000
TREE_WHOLE: Final = 6_000
"""Bytes, at least, from which on no branch of the tree goes with the verdict."""
