"""What a text tells, from what was read of it: verdict, message, instruction, register, and where it is cut."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from vm.isa import opcodes as o
from vm.logs.causes import Chain
from vm.logs.explain import TOO_COMPLEX, explain
from vm.logs.facts import Facts
from vm.logs.messages import category_of, insn_of, register_of
from vm.logs.reader import Reader
from vm.logs.reading import Read
from vm.logs.reason import is_behind, is_whole, reason
from vm.logs.turned import as_given, oldest_first
from vm.logs.unwrap import Unwrapper
from vm.logs.values import (
    NO_REASON,
    Cause,
    Era,
    Format,
    LogReport,
    Message,
    Path,
    ProgramLog,
    Reason,
    Step,
    Verdict,
)
from vm.logs.wrappers import CARRIERS, LOADERS, NONE, OTHER

MAX_PROGRAMS: Final = 1000
"""Programs of a text that are kept; the first are dropped."""

# What was printed first in which version, (first, last): bounds for the kernel that printed a log.
_SINCE: Final[dict[str, tuple[tuple[int, int] | None, tuple[int, int] | None]]] = {
    "min_value": (None, (4, 13)),
    "inv": (None, (5, 17)),
    "scalar": ((5, 18), None),
    "joined": ((5, 17), None),
    "mark_precise": ((6, 5), None),
    "map_names": ((6, 8), None),
    "file": ((6, 9), None),
    "live_regs": ((6, 15), None),
    "diagnosis": ((7, 3), None),
}
_LIMITS: Final[dict[int, tuple[tuple[int, int] | None, tuple[int, int] | None]]] = {
    1_000_000: ((5, 2), None),
    131_072: ((4, 14), (5, 1)),
}


class Answers:
    """A sink that makes an answer of each program. `steps` gets every step as well, if it is given."""

    def __init__(self) -> None:
        self.programs: list[ProgramLog] = []
        self.chain = Chain()

    def begin(self) -> None:
        self.chain = Chain()

    def step(self, step: Step) -> None:
        self.chain.step(step)

    def path(self, path: Path) -> None:
        self.chain.path(path)

    def path_end(self, path: int, last_step: int, how: str) -> None: ...

    def end(self, read: Read) -> None:
        program = answer(read, self.chain)
        if program is not None:
            self.programs.append(program)
            if len(self.programs) > MAX_PROGRAMS:
                del self.programs[0]


def read_log(chunks: Iterable[str | bytes]) -> LogReport:
    """What a text tells. Memory is bounded however long it is."""
    answers = Answers()
    reader = Reader(answers)
    reader.read(chunks)
    return report(answers.programs, reader)


def read_text(text: bytes) -> LogReport:
    """What a text tells that is in memory: also one whose newest line comes first."""
    turned, lines = oldest_first(text)
    found = read_log([turned])
    return as_given(found, lines) if lines else found


def report(programs: list[ProgramLog], reader: Reader) -> LogReport:
    """The report of a text that was read."""
    if any(program.diagnosis for program in programs):
        reader.evidence["diagnosis"] = None
    return LogReport(
        wrapper_of(reader.unwrapper),
        tuple(reader.unwrapper.carriers),
        era_of(reader),
        tuple(_named(program, programs) for program in programs),
        _chosen(programs),
        loader=_loaders_words(programs, reader),
    )


def _loaders_words(programs: list[ProgramLog], reader: Reader) -> tuple[Message, Reason] | None:
    """What a loader says, where the verifier says nothing at all."""
    if any(each.message is not None or each.verdict is Verdict.ACCEPT for each in programs):
        return None
    return reader.loading.found()


def _named(program: ProgramLog, programs: list[ProgramLog]) -> ProgramLog:
    """A program with its name, where only another error of the text has it that was made of the same log: ebpf-go
    tells the last lines twice."""
    if program.name or program.message is None or program.insn is None:
        return program
    same = {
        each.name
        for each in programs
        if each.name and each.insn == program.insn and each.message and each.message.text == program.message.text
    }
    return replace(program, name=same.pop()) if len(same) == 1 else program


def wrapper_of(seen: Unwrapper) -> str:
    """The loader with the highest precedence that left a sign; else what carried the text."""
    for name in LOADERS:
        if name in seen.loaders:
            return name
    for name in CARRIERS:
        if name in seen.carriers:
            return name
    return OTHER if OTHER in seen.loaders else NONE


def era_of(reader: Reader) -> Era:
    """The versions that the text allows."""
    bounds = [_SINCE[name] for name in reader.evidence if name in _SINCE]
    bounds += [_LIMITS[limit] for limit in reader.limits if limit in _LIMITS]
    firsts = [first for first, _ in bounds if first is not None]
    lasts = [last for _, last in bounds if last is not None]
    first, last = max(firsts, default=None), min(lasts, default=None)
    if first is not None and last is not None and first > last:
        first = last = None  # texts of several kernels
    named = reader.unwrapper.named
    if last is not None and named and _release(named) > last:
        named = ""  # somebody else's: distributions take newer words into older kernels, not the other way round
    return Era(first, last, named)


def _release(named: str) -> tuple[int, int]:
    """(6, 1) of "6.1.0-13-amd64"."""
    major, minor = re.split(r"[^\d]", named, maxsplit=2)[:2]
    return int(major), int(minor)


def _chosen(programs: list[ProgramLog]) -> int:
    """The program that was refused; of several, the one whose log says most about why."""
    ranks = [
        (
            each.verdict is Verdict.REJECT,
            each.message is not None,
            each.insn is not None,
            min(each.steps, 1) + min(each.states, 1),
            each.format is not Format.BTF,
            each.verdict is Verdict.ACCEPT,
            "omitted" not in each.cut,
        )
        for each in programs
    ]
    return max(range(len(ranks)), key=lambda number: (ranks[number], -number)) if ranks else 0


def answer(read: Read, chain: Chain) -> ProgramLog | None:
    """What one program's log tells; None if there is nothing of a log in it."""
    if read.btf and not read.steps and not read.states:
        return ProgramLog(read.number, read.name, read.first_line, read.last_line, format=Format.BTF)
    found = reason(read)
    if not (read.steps or read.states or read.has_stats or found is not None):
        return None
    verdict = _verdict(read, found)
    reg = register_of(found) if found is not None else ""
    follows = found is not None and is_behind(read, found)
    message = found
    if found is not None and not is_whole(read, found, follows=follows, value=chain.printed(reg.lower())):
        message = None
    insn = insn_of(found) if found is not None else None
    if insn is None and follows and read.last is not None:
        insn = read.last.insn_idx
    causes = chain.causes(reg.lower(), message) if message is not None and follows else ()
    return ProgramLog(
        number=read.number,
        name=read.name,
        first_line=read.first_line,
        last_line=read.last_line,
        verdict=verdict,
        message=message,
        insn=insn,
        reg=reg,
        source=read.source if follows else None,
        category=category_of(message) if message is not None else "",
        format=_format(read, message),
        cut=_cut(read, message),
        steps=read.steps,
        states=read.states,
        stats=read.stats,
        insns=tuple(sorted(read.insns.items())),
        causes=causes,
        diagnosis=tuple(read.diagnosis),
        reason=TOO_COMPLEX
        if message is None and 0 < read.stats.limit < read.stats.processed
        else _reason(message, reg.lower(), read.last if follows else None, causes, chain),
    )


def _reason(message: Message | None, reg: str, last: Step | None, causes: tuple[Cause, ...], chain: Chain) -> Reason:
    return explain(Facts(message, reg, last, causes[:-1], chain)) if message is not None else NO_REASON


def _verdict(read: Read, message: Message | None) -> Verdict:
    if message is not None:
        return Verdict.REJECT
    stats = read.stats
    if 0 < stats.limit < stats.processed:
        return Verdict.REJECT
    if read.has_stats and stats.processed > 0 and not read.tail:
        if read.ended_by in ("exit", "safe") and not read.cut_after:
            return Verdict.ACCEPT
        if not read.steps and read.delimited and not read.failed and not read.cut_anywhere:
            return Verdict.ACCEPT
    return Verdict.REJECT if read.failed and not read.ended_by else Verdict.UNKNOWN


def _format(read: Read, message: Message | None) -> Format:
    if read.diagnosis:
        return Format.DIAGNOSIS
    if read.inv or read.scalar:
        return Format.INV if read.inv > read.scalar else Format.SCALAR
    if message is not None:
        words = dict(message.values)
        if words.get("type") in ("inv", "imm"):
            return Format.INV
        if words.get("type") == "scalar":
            return Format.SCALAR
    return Format.OTHER if read.steps or read.states else Format.STATS


def _cut(read: Read, message: Message | None) -> tuple[str, ...]:
    out = []
    start = read.steps > 0 and read.first_insn > 0 and not read.validated and not read.cut_before
    if read.omitted:
        return ("omitted",)
    if start:
        out.append("start")
    if read.cut_anywhere or read.order.gaps:
        out.append("middle")
    whole = message is not None or read.has_stats or read.terminated or read.ended_by == "exit"
    if not whole and read.last is not None and read.last.code != o.JMP | o.EXIT or not whole and not read.steps:
        out.append("end")
    return tuple(out)
