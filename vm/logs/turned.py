"""Texts whose lines run from the newest to the oldest, as a journal shows them.

The same lines in the order in which they were printed are a log like any other. Only the order of whole lines is
changed, and only if the instructions say that they stand the other way round.
"""

from __future__ import annotations

import codecs
from dataclasses import replace
from typing import Final

from vm.logs.lines import Kind
from vm.logs.order import comes_after
from vm.logs.unwrap import Unwrapper
from vm.logs.values import LogReport, Message, ProgramLog, Step

MAX_BYTES: Final = 2 << 20
"""Of a text that is turned: all of it has to be in memory."""
_FEW: Final = 10
"""Times as many instructions have to stand before the one that they follow as behind it."""

_LEAST: Final = 3
"""Instructions that have to stand before the one that they follow, if no summary comes first."""


def oldest_first(text: bytes) -> tuple[bytes, int]:
    """(the text with its oldest line first, the number of its lines); (the text, 0) if it is not turned."""
    if len(text) > MAX_BYTES or text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in text:
        return text, 0
    if not _newest_first(text):
        return text, 0
    lines = text.rstrip(b"\n").split(b"\n")
    return b"\n".join(lines[::-1]) + b"\n", len(lines)


def _newest_first(text: bytes) -> bool:
    """Whether the lines run from the newest to the oldest."""
    last: Step | None = None
    backwards = in_order = insns = 0
    summaries: list[tuple[int, str]] = []  # instructions before it, words
    for told in Unwrapper().lines([text]):
        line = told.line
        if line.kind is Kind.STATS and line.text.startswith("processed "):
            summaries.append((insns, line.text))
        if line.kind is not Kind.INSN:
            continue
        insns += 1
        step = Step(0, told.number, line.insn_idx, line.code, line.text, 0, 0, -1, None, None, None)
        if last is not None:
            follows, leads = comes_after(last, step.insn_idx), comes_after(step, last.insn_idx)
            in_order += follows and not leads
            backwards += leads and not follows
        last = step
    if any(before == insns for before, _ in summaries):
        return False  # a summary is the end of a walk
    first = any(not before for before, _ in summaries)
    if backwards:
        return backwards >= _FEW * in_order and (first or backwards >= _LEAST)
    # Of one instruction the summary tells the order.
    one = insns == 1 and last is not None and last.insn_idx == 0
    return one and [(before, words.split()[1]) for before, words in summaries] == [(0, "1")]


def as_given(report: LogReport, lines: int) -> LogReport:
    """The report of a text that was turned, with the numbers of lines that the text has. lines: how many it has."""
    programs = tuple(_given(each, lines + 1) for each in report.programs)
    if report.loader is not None:
        said, reason = report.loader
        report = replace(report, loader=(said._replace(line=lines + 1 - said.line), reason))
    return replace(report, programs=programs, newest_first=True)


def _given(program: ProgramLog, end: int) -> ProgramLog:
    message: Message | None = program.message
    return replace(
        program,
        first_line=end - program.last_line,
        last_line=end - program.first_line,
        message=message._replace(line=end - message.line) if message is not None else None,
        causes=tuple(each._replace(line=end - each.line) for each in program.causes),
    )
