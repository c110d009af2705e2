"""`reduce FILE...`: the smallest source found that the verifier refuses for the same reason, at the same line of C."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Final

from vm import pipeline
from vm.caps import Caps
from vm.cli.options import add_checking, build_options, seconds, user
from vm.cli.report import Reporter, status_of
from vm.cli.sources import chosen, sources
from vm.errors import InputError
from vm.pipeline import Reduced, Source
from vm.program import Object

HELP: Final = "take out of a refused C source what its rejection does not need"
SECONDS: Final = 30.0
_ERROR: Final = {"verdict": "error", "lines": 0, "whole": 0, "tried": 0, "ended": "", "source": ""}
_WHY: Final = {"time": "; the time was over before all was tried", "tries": "; not everything was tried"}


def arguments(p: ArgumentParser) -> None:
    add_checking(p)
    p.add_argument(
        "--seconds", type=seconds, default=SECONDS, metavar="N", help=f"stop after N seconds (default {SECONDS:g})"
    )


def run(options: Namespace, out: Reporter) -> int:
    """One source for each file: of the first program that is refused. Exit status 0 where there is one."""
    try:
        caps = user(options)
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    for path, source, obj in sources(options, out, _ERROR):
        try:
            name = _refused(path, obj, caps, options, out)
            if name is None:
                raise InputError("Only a program that the verifier refuses can be reduced: there is none.")
            *_, last = pipeline.reduced(
                source, build_options(options), name, caps=caps, alone=options.alone, limit_seconds=options.seconds
            )
        except InputError as e:
            out.complain(f"{path}: {e.message}", status_of(e))
            continue
        record = {
            "file": path, "program": name, "verdict": "reject", "message": last.message, "lines": last.lines,
            "whole": last.whole, "tried": last.tried, "ended": last.ended, "source": last.source.text(),
        }  # fmt: skip
        out.line(record, _text(path, name, source, last))
    return out.status


def _refused(path: str, obj: Object, caps: Caps, options: Namespace, out: Reporter) -> str | None:
    """The first program that is refused."""
    for program in chosen(path, obj, options, out):
        verdict = pipeline.check(obj, program, caps=caps, alone=options.alone, log_level=0)
        if verdict.verdict == "reject":
            return program.name
    return None


def _text(path: str, name: str, given: Source, last: Reduced) -> str:
    """The source, behind comments that say what it is."""
    head = [
        f"{path}: reduced from {last.whole} to {last.lines} lines; {last.tried} sources were tried"
        f"{_WHY.get(last.ended, '')}",
        f"{name}: {' '.join(last.message.split())}",
        *(f"with {file.name}" for file in last.source.files if given.files),
    ]
    # A backslash at the end would go on with the next line.
    comments = [f"// {' '.join(line.split())}".rstrip("\\") for line in head]
    return "\n".join([*comments, last.source.text().rstrip("\n")])
