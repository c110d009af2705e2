"""Questions about a program that take more work than its run. Called in a worker only."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any, Final

from playground.jobs.frames import (
    ADVICE,
    BINARIES,
    COMPARE,
    CONTENTS,
    COUNTEREXAMPLE,
    FIXES,
    GRAPH,
    MATRIX,
    PROFILE,
    REAL,
    RECORD,
    REDUCE,
    REWRITTEN,
    SETTINGS,
    SETUP,
)
from playground.present import profiles, real
from playground.present.matrix import matrix_job
from playground.present.request import Asked, read_request
from vm import pipeline
from vm.errors import InputError
from vm.profile.graph import graph
from vm.program import Object, Program

Message = dict[str, Any]
MOST_CALLS: Final = 100
"""Calls of a function that are told."""
SMALLER_SECONDS: Final = 0.5
RECORDED_EVENTS: Final = 5
"""Of each program, that are recorded."""


def _loaded(asked: Asked) -> tuple[Object, Program]:
    """The object, and the program that was asked for. InputError if there is none."""
    compiled = _object_file(asked)
    obj = pipeline.load(asked.source, asked.build, compiled if asked.source.kind == "c" else None)
    return obj, pipeline.choose(obj, asked.program)


def _object_file(asked: Asked) -> bytes | None:
    """The ELF object; None if the program is not from one. InputError if there is no program."""
    if asked.source.kind == "log":
        raise InputError("A log does not hold the program: paste its source, or drop its object file.")
    if asked.source.kind == "elf":
        return asked.source.data
    if asked.source.kind != "c":
        return None
    compiled = pipeline.compile_source(asked.source, asked.build).object
    if compiled is None:
        raise InputError("The source does not compile, so there is no program.")
    return compiled


def contents_job(asked: Asked) -> Iterator[Message]:
    """The `contents` message."""
    yield {"type": "contents", **asdict(pipeline.contents(asked.source, asked.build))}


def rewritten_job(asked: Asked) -> Iterator[Message]:
    """The `rewritten` message."""
    obj, program = _loaded(asked)
    verdict = pipeline.check(obj, program, caps=asked.caps, log_level=0)
    rows = pipeline.rewritten_listing(pipeline.rewrite(verdict.env)) if verdict.accepted and verdict.env else ()
    yield {"type": "rewritten", "insns": [row._asdict() for row in rows]}


def fixes_job(asked: Asked) -> Iterator[Message]:
    """Yields a `fix` message for each fix when it is found, then `fixes_done`."""
    found = 0
    if asked.source.kind == "c":
        obj, program = _loaded(asked)
        for each in pipeline.repairs(asked.source, asked.build, obj, program, caps=asked.caps):
            found += 1
            yield {
                "type": "fix", "title": each.title, "why": each.why, "diff": each.diff,
                "edits": [edit.as_json() for edit in each.fix.edits], "insns_processed": each.insns_processed,
            }  # fmt: skip
    yield {"type": "fixes_done", "found": found}


def reduce_job(asked: Asked) -> Iterator[Message]:
    """Yields a `smaller` message for a smaller source, at most two in a second, then `reduced`."""
    told = time.monotonic()
    # Each program is verified by itself, as in a run.
    for each in pipeline.reduced(asked.source, asked.build, asked.program, caps=asked.caps):
        if not each.ended and time.monotonic() - told < SMALLER_SECONDS:
            continue
        told = time.monotonic()
        so_far = {
            "source": each.source.text(), "files": [file.name for file in each.source.files], "lines": each.lines,
            "whole": each.whole, "tried": each.tried, "message": each.message, "line": each.line or None,
        }  # fmt: skip
        yield {"type": "reduced", **so_far, "ended": each.ended} if each.ended else {"type": "smaller", **so_far}


def counterexample_job(asked: Asked) -> Iterator[Message]:
    """The `counterexample` message."""
    obj, program = _loaded(asked)
    verdict = pipeline.check(obj, program, caps=asked.caps, log_level=0, record=True)
    found = pipeline.counterexample(obj, program, verdict, caps=asked.caps)
    if found is None:
        yield {"type": "counterexample", "status": "other", "why": "", "input": None, "fault": None, "forgotten": ""}
        return
    fault = found.fault
    yield {
        "type": "counterexample", "status": found.status, "why": found.why,
        "input": json.dumps(found.input) if found.input is not None else None,
        "fault": {
            "insn": fault.insn_idx, "message": fault.message, "registers": [str(reg) for reg in fault.registers],
        } if fault is not None else None,
        "forgotten": found.forgotten,
    }  # fmt: skip


def real_job(asked: Asked) -> Iterator[Message]:
    """See real.real_job()."""
    yield from real.real_job(asked, lambda: (_build(asked), _loaded(asked)[1]))


def setup_job(asked: Asked) -> Iterator[Message]:
    """The `setup` message."""
    yield {"type": "setup", **pipeline.settable_before(_build(asked)).as_json()}


def _build(asked: Asked) -> pipeline.Build:
    """The source in the form that kernels get: compiled, if it is C."""
    if asked.source.kind != "c":
        return pipeline.Build(asked.source, asked.build)
    _, build = pipeline.built(asked.source, asked.build)
    if build is None:
        raise InputError("The source does not compile, so there is no program.")
    return build


def _choice(asked: Asked) -> pipeline.Choice:
    """Which events are to be recorded."""
    more = asked.more
    return pipeline.Choice(
        int(more.get("events") or RECORDED_EVENTS), int(more.get("every") or 1), str(more.get("task") or ""),
        str(more.get("where") or ""),
    )  # fmt: skip


def record_job(asked: Asked) -> Iterator[Message]:
    """An `event_recorded` message for each event, and the `recording` message."""
    there = pipeline.saved_guests()
    if not there.states:
        yield {
            "type": "recording", "kernel": "", "events": 0, "base64": "", "notes": [], "missing": there.missing,
        }  # fmt: skip
        return
    state = there.one(str(asked.more.get("kernel") or ""))
    notes: list[str] = []
    for each in pipeline.record(_build(asked), asked.source, state, _choice(asked), **real.given(asked)):
        if isinstance(each, pipeline.Taken):
            event = each.event
            yield {
                "type": "event_recorded", "program": each.program, "task": f"{event.comm} ({event.pid})",
                "insns": len(event.offsets), "ms": round(1000 * each.seconds, 1),
            }  # fmt: skip
        elif isinstance(each, pipeline.Recording):
            file = pipeline.recording_file(each) if each.events else b""
            yield {
                "type": "recording", "kernel": each.release, "events": len(each.events),
                "base64": base64.b64encode(file).decode(), "notes": [*notes, *each.notes],
                "missing": "",
            }  # fmt: skip
        elif not each[1]:
            notes.append(f"{each[0]} was not attached: {each[2]}")


def binaries_job(asked: Asked) -> Iterator[Message]:
    """The `binaries` message, with the outputs of the stages that succeeded."""
    file = _object_file(asked)
    obj = pipeline.load(asked.source, asked.build, file if asked.source.kind == "c" else None)
    program = pipeline.choose(obj, asked.program)
    verdict = pipeline.check(obj, program, caps=asked.caps, log_level=0)
    code = None
    if verdict.accepted and verdict.env is not None:
        with contextlib.suppress(InputError):  # there is no machine code for programs that are not emulated
            rewritten = pipeline.rewrite(verdict.env)
            code = pipeline.code(rewritten, pipeline.translate(rewritten))
    yield {
        "type": "binaries", "program": program.name, "object": _base64(file),
        "xlated": _base64(code.xlated) if code else None, "image": _base64(code.image) if code else None,
    }  # fmt: skip


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def profile_job(asked: Asked) -> Iterator[Message]:
    """See profiles.profile_job()."""
    yield from profiles.profile_job(asked, *_loaded(asked))


def advice_job(asked: Asked) -> Iterator[Message]:
    """See profiles.advice_job()."""
    yield from profiles.advice_job(asked, *_loaded(asked))


def settings_job(asked: Asked) -> Iterator[Message]:
    """See profiles.settings_job()."""
    yield from profiles.settings_job(asked, *_loaded(asked))


def graph_job(asked: Asked) -> Iterator[Message]:
    """The `graph` message."""
    _, program = _loaded(asked)
    found = graph(program)
    line_of = program.line_of
    yield {
        "type": "graph",
        "program": program.name,
        "functions": [
            {
                "name": each.name, "insn": each.insn, "line": line_of(each.insn), "first": each.first,
                "last": each.last, "calls": list(each.calls)[:MOST_CALLS],
            }
            for each in found.functions
        ],
        "blocks": [[each.first, each.last] for each in found.blocks],
        "edges": [[each.start, each.end, each.kind, each.back] for each in found.edges],
        "loops": [
            {"kind": "loop", "insn": each.head, "line": line_of(each.head), "ranges": ranges(each.body)}
            for each in found.loops
        ] + [
            {
                "kind": "callback", "insn": each.insn, "line": line_of(each.insn),
                "ranges": [(each.insn, found.blocks[each.last].last)],
            }
            for each in (found.functions[number] for number in found.callbacks)
        ],
        "left_out": found.left_out,
    }  # fmt: skip


def ranges(slots: Iterable[int]) -> list[tuple[int, int]]:
    """Slots as [first, last] of those that follow each other."""
    found: list[tuple[int, int]] = []
    for slot in sorted(slots):
        if found and slot <= found[-1][1] + 2:
            found[-1] = found[-1][0], slot
        else:
            found.append((slot, slot))
    return found


ANALYSES: Final[dict[str, Callable[[Asked], Iterator[Message]]]] = {
    CONTENTS: contents_job,
    REWRITTEN: rewritten_job,
    FIXES: fixes_job,
    COUNTEREXAMPLE: counterexample_job,
    MATRIX: matrix_job,
    REAL: real_job,
    SETUP: setup_job,
    RECORD: record_job,
    BINARIES: binaries_job,
    PROFILE: profile_job,
    ADVICE: advice_job,
    SETTINGS: settings_job,
    COMPARE: profiles.compare_job,
    GRAPH: graph_job,
    REDUCE: reduce_job,
}
"""By the type of the message that asks."""


def analysis_job(request: Message) -> Iterator[Message]:
    """The messages that answer one question. request: kind, request (of a run), and its own fields."""
    more = {name: value for name, value in request.items() if name not in ("kind", "request")}
    yield from ANALYSES[request["kind"]](replace(read_request(request["request"]), more=more))
