"""Reads a verifier's log instead of a program: the stages of a run, of which two have results. In a worker only.

Nothing is verified: the messages contain what the log contains (docs/protocol.md, "Verified": `read_from`).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from playground.present import passed
from playground.present.printed import chunk
from playground.present.request import read_build, read_caps, read_source
from playground.present.seek import outline_messages, touched_message
from playground.present.uploaded import uploaded_path
from vm import pipeline
from vm.errors import InputError
from vm.isa.opcodes import LD_IMM64
from vm.isa.operands import target
from vm.logs.decode import decode
from vm.logs.session import Session
from vm.logs.told import cause, kernel_words, needed, rule_of
from vm.logs.turned import MAX_BYTES, oldest_first
from vm.logs.values import LogReport, ProgramLog, Verdict
from vm.seek.outline import Outliner
from vm.trace import as_json
from vm.trace.blocks import HEADER_SIZE, InMemory, read_block, read_heading
from vm.verifier.rules.catalogue import rule_named

if TYPE_CHECKING:
    from vm.logs.values import SourceLine

Message = dict[str, Any]

FIRST_BYTES: Final = 1 << 20
"""Bytes that are read first, to choose the program and to find its instructions: all of a pasted log."""
_PIECE: Final = 1 << 18
_SECONDS_BETWEEN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Given:
    """The text of the log, or the path of its file. turned: lines of a text that was turned round, 0 if it was not."""

    text: bytes
    path: str
    turned: int = 0

    def pieces(self) -> Iterator[bytes]:
        """The text in pieces."""
        if not self.path:
            for at in range(0, len(self.text), _PIECE):
                yield self.text[at : at + _PIECE]
            return
        with open(self.path, "rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def size(self) -> int:
        """Bytes of the whole text."""
        return os.path.getsize(self.path) if self.path else len(self.text)

    def beginning(self) -> bytes:
        """The first FIRST_BYTES."""
        out = b""
        for piece in self.pieces():
            out += piece
            if len(out) >= FIRST_BYTES:
                break
        return out


def log_job(request: Message) -> Iterator[Message]:
    """Yields all messages for a log between `accepted` and `done`."""
    given = _given(request)
    yield {"type": "stage", "stage": "compile", "status": "skipped", "ms": 0}
    yield {"type": "stage", "stage": "load", "status": "working"}
    started = time.perf_counter()
    first = _Beginning(given, (request.get("options") or {}).get("program", ""))
    about = passed.read(given.size(), first.program.name, len(first.insns[0]), 0)["load"]
    command = passed.log_command(request.get("options") or {})
    yield {**first.loaded(started), **about, "command": command}
    yield {"type": "stage", "stage": "verify", "status": "working"}
    started = time.perf_counter()
    yield from _read(request, given, first, started)
    for stage in ("jit", "run"):
        yield {"type": "stage", "stage": stage, "status": "skipped"}


def _given(request: Message) -> Given:
    if not request.get("upload"):
        text, turned = oldest_first(str(request.get("source", "")).encode("utf-8", "surrogatepass"))
        return Given(text, "", turned)
    path = uploaded_path(request["upload"])
    if os.path.getsize(path) <= MAX_BYTES:
        with open(path, "rb") as file:
            text, turned = oldest_first(file.read(MAX_BYTES))
        if turned:
            return Given(text, "", turned)
    return Given(b"", path)


class _Beginning:
    """The chosen program and its instructions, from the first part of the text."""

    def __init__(self, given: Given, wanted: str) -> None:
        session = Session(InMemory(), turned=given.turned)
        text = given.beginning()
        for _ in session.read([text]):
            pass
        report = session.report()
        self.report = report
        self.program = _chosen(report, wanted)
        self.wanted = self.program.number
        self.whole = len(text) < FIRST_BYTES
        if self.wanted != session.recording.wanted:
            session = Session(InMemory(), self.wanted, given.turned)
            for _ in session.read([text]):
                pass
        self.insns = insns(self.program, session.recording.lines)

    def loaded(self, started: float) -> Message:
        """The `load` message."""
        rows, lines = self.insns
        count = f"{len(rows):,} instruction{'s' if len(rows) != 1 else ''}"
        return {
            "type": "stage",
            "stage": "load",
            "status": "done",
            "ms": _since(started),
            "summary": f"{count} of a log",
            "programs": [
                {"name": each.name, "section": "", "prog_type": 0, "error": ""} for each in self.report.programs[:1000]
            ],
            "program": self.program.name,
            "maps": [],
            "insns": rows,
            "lines": lines,
            "remarks": [],
            "input": {"kind": "none", "hook": ""},
        }


def _chosen(report: LogReport, wanted: str) -> ProgramLog:
    """The program with this name or number ("#2"); without a name, the one with the final verdict."""
    if wanted.startswith("#") and wanted[1:].isdecimal():
        found = next((each for each in report.programs if each.number == int(wanted[1:])), None)
    else:
        found = next((each for each in report.programs if wanted and each.name == wanted), None)
    if wanted and found is None:
        raise InputError(f"The log has no program {wanted!r}.")
    return found if found is not None else report.answered


def insns(program: ProgramLog, sources: Mapping[int, SourceLine]) -> tuple[list[Message], dict[str, str]]:
    """(the instructions as printed, line number -> C line). Lines are of the file with the most lines."""
    files = Counter(source.file for source in sources.values() if source.file)
    file = files.most_common(1)[0][0] if files else ""
    lines: dict[str, str] = {}
    rows: list[Message] = []
    for idx, words in program.insns:
        row: Message = {"idx": idx, "hex": "", "text": words.split(") ", 1)[-1], "line": None, "target": None}
        code = int(words[1:3], 16) if words.startswith("(") else -1
        what = decode(code, row["text"])
        if what.insns:
            row["target"] = target(what.insns[0], idx)
            # The kernel prints the address of a map or function instead of its number.
            if code != LD_IMM64 and not what.called:
                row["hex"] = what.insns[0].encode().hex()
        if what.called:
            row["call"] = what.called
        source = sources.get(idx)
        if source is not None and source.file == file and source.number:
            row["line"] = source.number
            row["column"] = 1
            lines.setdefault(str(source.number), source.text)
        elif source is not None and source.text:
            row["source"] = source.text
        rows.append(row)
    return rows, lines


class _Blocks:
    """Storage that yields messages with its new blocks."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._first = True
        self._outliner = Outliner()
        self.total = 0

    def append(self, data: bytes) -> None:
        self._parts.append(data)

    def read(self, offset: int, length: int) -> bytes:
        raise NotImplementedError("the blocks of a log are told, not kept")

    def take(self, *, last: bool = False) -> Iterator[Message]:
        """Messages with new blocks and their outlines; the first block is followed by the first chunk of steps."""
        parts, self._parts = self._parts, []
        for data in parts:
            head = read_heading(data[:HEADER_SIZE], 0)
            self.total = head.first + head.steps
            yield {"type": "block", "stage": "verify", "from": head.first, "to": self.total, "data": data}
            if self._first and head.steps:
                self._first = False
                yield chunk([data], 0, self.total)
            block = read_block(head, data[HEADER_SIZE:])
            yield touched_message(block)
            self._outliner.add(block)
            yield from outline_messages(self._outliner, "verify")
        if last:
            yield from outline_messages(self._outliner, "verify", last=True)


def _read(request: Message, given: Given, first: _Beginning, started: float) -> Iterator[Message]:
    blocks = _Blocks()
    session = Session(blocks, first.wanted, given.turned)
    yield {"type": "program", "kind": "log"}
    told = time.monotonic()
    for _ in session.read(given.pieces()):
        if blocks.total == 0 or time.monotonic() - told > _SECONDS_BETWEEN:
            told = time.monotonic()
            yield from blocks.take()
    yield from blocks.take(last=True)
    report = session.report()
    program = report.completed(session.recorded or first.program)
    rows, lines = insns(program, session.recording.lines)
    more: Message = {} if (rows, lines) == first.insns else {"insns": rows, "lines": lines}
    yield {
        "type": "stage",
        "stage": "verify",
        "ms": _since(started),
        **verify_json(report, program, session),
        **more,
        **passed.read(given.size(), program.name, len(rows), session.recording.steps)["verify"],
        "command": passed.log_command(request.get("options") or {}),
        "read_from": {
            **read_from(report, program),
            "parting": parting(request, program, session),
        },
    }


def _since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 1)


def verify_json(report: LogReport, program: ProgramLog, session: Session) -> Message:
    """The fields that the `verify` messages of logs and of verifications have in common."""
    message = program.message
    rejected = program.verdict is Verdict.REJECT
    recording = session.recording
    log, cut, log_steps = session.text()
    return {
        "status": "failed" if rejected else "done",
        "summary": f"{recording.steps:,} steps of a log",
        "message": message.text if message is not None else "",
        "kernel": kernel_words(report.era),
        "verdict": "none" if program.verdict is Verdict.UNKNOWN else program.verdict.value,
        "errno": 0,
        "steps": recording.steps,
        "insns_processed": max(program.stats.processed, 0),
        "log": log,
        "log_cut": cut,
        "log_steps": log_steps,
        "visits": {str(insn): count for insn, count in recording.visits.items()},
        "fail": fail_json(program, session) if message is not None else None,
        "paths": [
            {
                "id": p.id, "parent": p.parent, "push_step": p.push_step, "first_step": p.first_step,
                "last_step": p.last_step, "end": p.end, "pruned_by": -1,
            }
            for p in recording.paths
        ],
        "paths_total": recording.paths_total,
        "prunings": [],
        "arrivals": [],
        "precision": [],
        "holdings": [],
        "reasons_total": {"prunings": 0, "arrivals": 0, "precision": 0, "holdings": 0},
        "not_emulated": [],
        "not_covered": [],
    }  # fmt: skip


def fail_json(program: ProgramLog, session: Session) -> Message:
    """Why the program was rejected, according to the log."""
    message = program.message
    assert message is not None
    name = rule_of(program)
    rule = rule_named(name) if name is not None else None
    sources = session.recording.lines
    causes = [{**cause(each), "line": _number(sources.get(each.insn_idx))} for each in program.causes]
    last = causes[-1] if causes else None
    reg = str(last["name"]) if last is not None and program.reg else program.reg.lower()
    proven = session.recording.value(reg) if last is not None and reg else None
    return {
        "rule": rule.name if rule is not None else "",
        "category": program.category,
        "message": message.text,
        "partners": list(message.partners),
        "explanation": program.reason.what,
        "step": last["step"] if last is not None else -1,
        "insn": program.insn if program.insn is not None else -1,
        "line": _number(program.source),
        "reg": reg,
        "proven": {**as_json.reg(proven), "w": proven.written_at} if proven is not None else None,
        "proven_text": "",
        "needed": needed(program),
        "causes": causes,
    }


def _number(source: SourceLine | None) -> int | None:
    return source.number if source is not None and source.number else None


def read_from(report: LogReport, program: ProgramLog) -> Message:
    """Properties of the log itself."""
    message, era = program.message, report.era
    return {
        "wrapper": report.wrapper,
        "carriers": list(report.carriers),
        "newest_first": report.newest_first,
        "format": program.format.value,
        "kernel_named": era.named or None,
        "kernel_first": _version(era.first),
        "kernel_last": _version(era.last),
        "cut": list(program.cut),
        "states": program.states,
        "program": program.name,
        "verdict": program.verdict.value,
        "insn": program.insn,
        "reg": program.reg,
        "rules": list(message.rules) if message is not None else [],
        "source": program.source.text if program.source is not None else None,
        "insns_processed": program.stats.processed if program.stats.processed >= 0 else None,
        "message_line": message.line if message is not None else None,
        "diagnosis": list(program.diagnosis),
        "programs": [
            {
                "number": each.number,
                "name": each.name,
                "verdict": each.verdict.value,
                "message": each.message.text if each.message is not None else "",
                "insn": each.insn,
                "steps": each.steps,
                "line": each.first_line,
            }
            for each in report.programs
        ],
    }


def parting(request: Message, program: ProgramLog, session: Session) -> Message | None:
    """Where a verification of the source beside the log differs from the log; None without a source."""
    given = request.get("beside")
    if not given:
        return None
    options = given.get("options") or {}
    name = options.get("program") or program.name
    return pipeline.beside_record(
        read_source(given),
        read_build(options),
        name,
        read_caps(options),
        session.ways.get(program.number, ()),
        program.verdict,
    )


def _version(version: tuple[int, int] | None) -> str | None:
    return f"{version[0]}.{version[1]}" if version is not None else None
