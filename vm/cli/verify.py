"""`verify FILE...`: the kernel's verdict and log for each program of an object."""

from __future__ import annotations

import time
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from vm import pipeline
from vm.caps import Caps
from vm.cli.options import add_checking, add_server, build_options, user
from vm.cli.report import BAD_INPUT, ERROR, REJECTED, Reporter, status_of
from vm.cli.sources import remark_record, say_missing, say_remarks, sources
from vm.cli.verdict import verdict_text
from vm.errors import InputError
from vm.kernel.release import LINUX
from vm.pipeline import Source, Verdict
from vm.program import Object

if TYPE_CHECKING:
    from vm.pipeline import Counterexample, Repair

FIX_SECONDS: Final = 30.0  # for changes of one file
HELP: Final = f"print the verdict and the log of {LINUX}'s verifier"

# Fields of a rejection in the JSON line; proven and needed are sentences.
FAILURE: Final = (
    "rule",
    "category",
    "message",
    "explanation",
    "insn",
    "line",
    "reg",
    "proven",
    "needed",
    "causes",
    "cause",
    "fixes",
)


def arguments(p: ArgumentParser) -> None:
    add_checking(p)
    p.add_argument("--trace", metavar="FILE.jsonl", help="write the steps of the verifier to this file (docs/trace.md)")
    p.add_argument(
        "--counterexample", action="store_true", help="search an input that makes a rejected memory access go wrong"
    )
    p.add_argument("--log-level", type=int, choices=[0, 1, 2], help="1 by default; of a server's log it is 2")
    p.add_argument(
        "--fixes",
        action=BooleanOptionalAction,
        default=True,
        help="look for changes of a rejected C source that the verifier accepts",
    )
    add_server(p)


def run(options: Namespace, out: Reporter) -> int:
    """One line a program: what bpf_object__load() ends with for it. With --trace FILE the walks are written there."""
    if options.server:
        from vm.cli import remote

        return remote.verify(options, out)
    try:
        caps = user(options)
        if options.trace:
            with open(options.trace, "w"):
                pass
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    except OSError as e:
        out.complain(f"{options.trace}: {e.strerror}.", BAD_INPUT)
        return out.status
    for path, source, obj in sources(options, out, ERROR):
        until = time.monotonic() + FIX_SECONDS
        found = pipeline.check_object(
            obj,
            options.program,
            alone=options.alone,
            log_level=1 if options.log_level is None else options.log_level,
            record=bool(options.trace) or options.counterexample,
            caps=caps,
            explain=True,
        )
        count = 0
        for verdict in found:
            count += 1
            fixes = _fixes(source, obj, verdict, caps, until, options) if options.fixes else []
            shown = _counterexample(obj, verdict, caps) if options.counterexample else None
            _say(path, obj, verdict, fixes, out, shown, asked=options.counterexample)
            if options.trace:
                write_trace(options.trace, path, verdict)
        if not count:
            say_missing(path, obj, options.program, out)
    return out.status


def _counterexample(obj: Object, v: Verdict, caps: Caps) -> Counterexample | None:
    return pipeline.counterexample(obj, v.program, v, caps=caps) if v.program is not None else None


def _fixes(source: Source, obj: Object, v: Verdict, caps: Caps, until: float, options: Namespace) -> list[Repair]:
    """Changes of a rejected C source that the verifier accepts."""
    if source.kind != "c" or v.accepted or v.program is None or v.failure is None:
        return []
    found = pipeline.repairs(
        source, build_options(options), obj, v.program,
        verdict=v, limit_seconds=until - time.monotonic(), caps=caps, alone=options.alone,
    )  # fmt: skip
    return list(found)


def _say(
    path: str,
    obj: Object,
    v: Verdict,
    fixes: list[Repair],
    out: Reporter,
    shown: Counterexample | None,
    *,
    asked: bool,
) -> None:
    record = verify_record(path, v, fixes)
    if asked and record["failure"] is not None:
        record["failure"]["counterexample"] = counterexample_record(shown) if shown is not None else None
    out.line(record, verdict_text(record))
    say_remarks(path, tuple(remark for remark in v.remarks if remark not in obj.remarks), out)
    if v.error is not None:
        out.complain(f"{path}: {v.name}: {v.message}", status_of(v.error))
    elif not v.accepted:
        out.worst(REJECTED)


def verify_record(path: str, v: Verdict, fixes: Sequence[Repair] = ()) -> dict[str, Any]:
    """The JSON line of a verdict."""
    return {
        "file": path,
        "program": v.name,
        "section": v.section,
        "verdict": v.verdict,
        "errno": v.errno,
        "insns_processed": v.insns_processed,
        "log": v.log,
        "message": v.message,
        "failure": _failure(v, fixes),
        "remarks": [remark_record(remark) for remark in v.remarks],
    }


def _failure(v: Verdict, fixes: Sequence[Repair]) -> dict[str, Any] | None:
    from vm.trace import as_json

    if v.failure is None or v.program is None:
        return None
    told = as_json.failure(v.failure, v.program.line_of)
    told |= {"message": v.failure.message, "proven": v.failure.proven_text}
    info = v.program.place_of(v.failure.insn_idx) if v.failure.insn_idx >= 0 else None
    file = v.program.file_of(info) if info is not None else ""
    told["fixes"] = [{"title": fix.title, "why": fix.why, "diff": fix.diff} for fix in fixes]
    return {key: told.get(key, "") for key in FAILURE} | ({"source_file": file} if file else {})


def counterexample_record(shown: Counterexample) -> dict[str, Any]:
    """The answer as docs/counterexample.md has it."""
    fault = shown.fault
    return {
        "status": shown.status,
        "why": shown.why,
        "forgotten": shown.forgotten,
        "input": shown.input,
        "fault": None
        if fault is None
        else {"insn": fault.insn_idx, "message": fault.message, "registers": [str(value) for value in fault.registers]},
    }


def write_trace(to: str, path: str, v: Verdict) -> None:
    """Appends the program's walk as JSON lines (docs/trace.md)."""
    from vm.trace import as_json
    from vm.trace.recorder import Recorder

    if v.verification is None or v.program is None or not isinstance(v.verification.trace, Recorder):
        return  # it did not reach the verifier
    about = {"file": path, "program": v.name, "section": v.section}
    with open(to, "a", encoding="utf-8") as f:
        for line in as_json.lines(v.verification, v.verification.trace, v.program.line_of, about):
            f.write(line + "\n")
