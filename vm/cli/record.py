"""`record FILE`: run the programs on a real kernel and record events instruction by instruction."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from vm import pipeline
from vm.cli.guest_options import add_guest, given
from vm.cli.options import add_build, add_files, build_options
from vm.cli.report import Reporter, status_of
from vm.cli.sources import read_source, say_diagnostics
from vm.errors import InputError
from vm.pipeline import Build

HELP = "record what the programs do on a real kernel, instruction by instruction"


def arguments(p: ArgumentParser) -> None:
    add_files(p, many=False)
    add_build(p)
    add_guest(p)
    p.add_argument("--events", type=int, default=3, metavar="N", help="events of each program (3)")
    p.add_argument("--every", type=int, default=1, metavar="N", help="only each so-many-th event (1)")
    p.add_argument("--task", default="", metavar="NAME", help="only events of tasks of this name or process id")
    p.add_argument(
        "--where", default="", metavar="CONDITION",
        help="only events whose context meets it: pid == 42, comm != \"sh\", ctx+16:4 > 3, packet+36:2 == 53; or a "
        "variable or a map's value: total > 5, counts[3] == 1; or what the program did: returns == 1, R6 > 1500",
    )  # fmt: skip
    p.add_argument("-o", "--output", metavar="FILE", help="write the recording here")


def run(options: Namespace, out: Reporter) -> int:
    """One line for each event, and the recording's file."""
    (path,) = options.files
    started = time.monotonic()
    try:
        asked = given(options)
        (state,) = pipeline.guests([options.kernel])
        source = read_source(path, options)
        build = Build(source, build_options(options))
        if source.kind == "c":
            made, compiled = pipeline.built(source, build.options)
            say_diagnostics(path, made, out)
            if compiled is None:
                return out.status
            build = compiled
        choice = pipeline.Choice(max(1, options.events), max(1, options.every), options.task, options.where)
        for each in pipeline.record(build, source, state, choice, **asked):
            _tell(each, out, time.monotonic() - started)
            if isinstance(each, pipeline.Recording):
                _write(options.output, each, out)
    except InputError as e:
        out.complain(f"{path}: {e.message}", status_of(e))
    return out.status


def _tell(each: Any, out: Reporter, since: float) -> None:
    if isinstance(each, pipeline.Taken):
        event = each.event
        told = {
            "program": each.program, "comm": event.comm, "pid": event.pid, "instructions": len(event.offsets),
            "ms": round(1000 * each.seconds, 1), "cut": event.cut,
        }  # fmt: skip
        text = f"{since:6.2f} s  {each.program} in {event.comm or '?'} ({event.pid}): {len(event.offsets)} machine"
        text += f" instructions, {1000 * each.seconds:.1f} ms" + (f"; {event.cut}" if event.cut else "")
        out.line(told, text)
    elif not isinstance(each, pipeline.Recording):
        name, ok, why = each
        out.line({"program": name, "ok": ok, "why": why}, f"{name}: " + ("attached" if ok else f"not attached: {why}"))


def _write(path: str | None, recording: pipeline.Recording, out: Reporter) -> None:
    for note in recording.notes:
        out.complain(note, 0)
    if path is None:
        return
    data = pipeline.recording_file(recording)
    Path(path).write_bytes(data)
    out.line(
        {"output": path, "bytes": len(data), "events": len(recording.events)},
        f"{path}: {len(recording.events)} events, {len(data):,} bytes",
    )
