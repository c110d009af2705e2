"""`profile FILE...`: where the verifier's walk of each program goes, and what makes it shorter."""

from __future__ import annotations

import time
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vm import pipeline
from vm.caps import Caps
from vm.cli.options import add_checking, build_options, user
from vm.cli.report import Reporter, counted, status_of
from vm.cli.sources import chosen, sources
from vm.errors import InputError
from vm.pipeline import Advice, Profiled, Setting, Source
from vm.program import Object, Program

if TYPE_CHECKING:
    from vm.profile.profile import Profile

HELP: Final = "print what the verifier's walk costs, by line, function and loop, and what makes it shorter"
ADVICE_SECONDS: Final = 30.0  # for one file
_ROWS: Final = 12
"""Rows of a table that is printed for people."""
_MISSES: Final = 5
_ERROR: Final = {"verdict": "error", "insns_processed": 0, "lines": [], "loops": [], "advice": []}


def arguments(p: ArgumentParser) -> None:
    add_checking(p)
    p.add_argument(
        "--set", action="append", default=[], metavar="NAME=1,2,64",
        help="verify with each of these values of a const volatile variable; several: every combination",
    )  # fmt: skip
    p.add_argument(
        "--advice", action=BooleanOptionalAction, default=True, help="try changes of a C source that make it cheaper"
    )


def run(options: Namespace, out: Reporter) -> int:
    """One line a program. Exit status 0 also of a program that is refused."""
    try:
        caps = user(options)
        values = given(options.set)
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    for path, source, obj in sources(options, out, _ERROR):
        until = time.monotonic() + ADVICE_SECONDS
        for program in chosen(path, obj, options, out):
            _program(path, source, obj, program, values, caps, until, options, out)
    return out.status


def given(texts: Sequence[str]) -> dict[str, list[str]]:
    """NAME=VALUE,VALUE… by name. InputError."""
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or not all(value.strip() for value in values.split(",")):
            raise InputError(f"--set takes NAME=VALUE,VALUE…, for example --set limit=1,64; {text[:80]!r} is not that.")
        found[name.strip()] = [value.strip() for value in values.split(",")]
    return found


def _program(
    path: str, source: Source, obj: Object, program: Program, values: Mapping[str, Sequence[str]], caps: Caps,
    until: float, options: Namespace, out: Reporter,
) -> None:  # fmt: skip
    found = pipeline.profiled(obj, program, caps=caps, alone=options.alone)
    advice: list[Advice] = []
    if options.advice:
        advice = list(
            pipeline.advice(
                source, build_options(options), obj, found,
                limit_seconds=until - time.monotonic(), caps=caps, alone=options.alone,
            )
        )  # fmt: skip
    tried: list[Setting] = []
    try:
        if values:
            for each in pipeline.settings(obj, program.name, values, caps=caps, alone=options.alone):
                tried.append(each)  # noqa: PERF402 - what was found before a limit is kept
    except InputError as e:
        out.complain(f"{path}: {program.name}: {e.message}", status_of(e))
    if found.verdict.error is not None:
        out.complain(f"{path}: {program.name}: {found.verdict.message}", status_of(found.verdict.error))
    out.line(profile_record(path, found, advice, tried), _text(path, found, advice, tried))


def profile_record(
    path: str, found: Profiled, advice: Sequence[Advice], tried: Sequence[Setting] = ()
) -> dict[str, Any]:
    """The JSON line of a profile."""
    return {
        "file": path,
        "program": found.verdict.name,
        "verdict": found.verdict.verdict,
        "message": found.verdict.message,
        **pipeline.profile_fields(found),
        "advice": [
            {"title": each.title, "why": each.why, "diff": each.diff, "insns_processed": each.insns_processed}
            for each in advice
        ],
        "settings": [pipeline.setting_fields(each) for each in tried],
    }


def _text(path: str, found: Profiled, advice: Sequence[Advice], tried: Sequence[Setting]) -> str:
    said = f"{path}: {found.verdict.name}: {found.verdict.verdict}"
    profile = found.profile
    if profile is None:
        return f"{said}: {found.verdict.message}"
    said += (
        f", {counted(profile.insns_processed, 'instruction', 'processed')}, "
        f"{counted(profile.states, 'state', 'stored')}, {counted(profile.pruned, 'path', 'pruned')}, "
        f"{counted(profile.missed, 'comparison', 'that failed')}\n"
    )
    said += _tables(found, profile)
    for each in advice:
        said += f"advice: {each.title}: {each.before:,} -> {each.insns_processed:,}\n  {each.why}\n{each.diff}"
    if tried:
        rows = [
            (
                " ".join(f"{name}={value}" for name, value in each.values.items()), each.verdict,
                f"{each.insns_processed:,}", f"{each.states:,}",
                "" if each.xlated is None else f"{each.xlated:,}", "" if each.jited is None else f"{each.jited:,}",
            )
            for each in tried
        ]  # fmt: skip
        said += _table(("setting", "verdict", "processed", "states", "xlated", "bytes"), rows)
    return said.rstrip("\n")


def _tables(found: Profiled, profile: Profile) -> str:
    total = max(profile.insns_processed, 1)
    texts = source_lines(found)
    said = ""
    lines = [
        (
            f"{row.file}:{row.line}" if row.file else "" if row.line is None else str(row.line), f"{row.insns:,}",
            f"{100 * row.insns / total:.1f} %", f"{row.states:,}", f"{row.pruned:,}",
            texts.get(row.line or 0, "")[:80] if not row.file else "",
        )
        for row in profile.lines[:_ROWS]
    ]  # fmt: skip
    said += _table(("line", "processed", "share", "states", "pruned", ""), lines)
    if len(profile.functions) > 1:
        rows = [
            (row.name, f"{row.calls:,}", f"{row.insns:,}", f"{row.total:,}", "verified once" if row.alone else "")
            for row in profile.functions[:_ROWS]
        ]
        said += _table(("function", "calls", "processed", "with callees", ""), rows)
    if profile.loops:
        loops = [
            (
                f"{each.kind} at {each.insn_idx}", "" if each.line is None else str(each.line), f"{each.rounds:,}",
                f"{each.insns:,}", each.why_not_pruned,
            )
            for each in profile.loops[:_ROWS]
        ]  # fmt: skip
        said += _table(("loop", "line", "rounds", "processed", "why not pruned"), loops)
    if profile.misses:
        missed = [
            (
                str(each.insn_idx), f"{each.failed:,}", each.text,
                f"instruction {each.needed_by}: {each.needed}" if each.needed_by >= 0 else "",
            )
            for each in profile.misses[:_MISSES]
        ]  # fmt: skip
        said += _table(("at", "failed", "states that did not match", "exact value needed by"), missed)
    return said


def source_lines(found: Profiled) -> dict[int, str]:
    """The source by line, as line information quotes it, or the file that --file brought."""
    program = found.verdict.program
    return {info.line: info.text.strip() for info in program.lines} if program is not None else {}


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    return "".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in [heads, *rows]
    )
