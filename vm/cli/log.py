"""`log FILE...`: what a verifier's log tells, of any kernel, in any wrapper, whole or cut."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from vm.cli.options import add_build, add_program, build_options
from vm.cli.report import BAD_INPUT, Reporter, status_of
from vm.errors import InputError

if TYPE_CHECKING:
    from vm.logs.values import LogReport, Step

HELP: Final = "read a verifier's log of any kernel"

_CHUNK: Final = 1 << 16


def arguments(p: ArgumentParser) -> None:
    p.add_argument("files", metavar="FILE", nargs="+", help="a text with a log; - reads standard input")
    p.add_argument("--json", action="store_true", help="one line of JSON per file")
    p.add_argument("--beside", metavar="SOURCE", help="the program's source: say where its walk here and the log part")
    add_build(p)
    add_program(p)


def run(options: Namespace, out: Reporter) -> int:
    """Exit status 0, also where a text tells nothing."""
    from vm.logs.told import record, text

    for path in options.files:
        try:
            report, way = _read(path, bool(options.beside))
        except OSError as e:
            out.complain(f"{path}: {e.strerror or e}", BAD_INPUT)
            continue
        found, words = record(path, report), text(path, report)
        if options.beside:
            try:
                parted = _parted(options, report, way)
            except InputError as e:
                out.complain(f"{options.beside}: {e.message}", status_of(e))
                continue
            found["parting"] = parted
            words += _parting_text(options.beside, parted)
        out.line(found, words)
    return out.status


def _read(path: str, with_steps: bool) -> tuple[LogReport, Sequence[Step]]:
    """The report, and the steps to the last one of the program it is about if they are wanted. OSError."""
    if path == "-":
        return _told(_chunks(sys.stdin.buffer), with_steps)
    with open(path, "rb") as file:
        return _told(_chunks(file), with_steps)


def _told(chunks: Iterator[bytes], with_steps: bool) -> tuple[LogReport, Sequence[Step]]:
    from vm.logs.answer import read_log
    from vm.logs.session import Session
    from vm.logs.turned import MAX_BYTES, as_given, oldest_first

    begin = b""
    while len(begin) <= MAX_BYTES and (chunk := next(chunks, b"")):
        begin += chunk
    turned, lines = oldest_first(begin)
    chunks = chain((turned,), chunks)
    if not with_steps:
        found = read_log(chunks)
        return as_given(found, lines) if lines else found, ()
    session = Session(_Nowhere(), turned=lines)
    for _ in session.read(chunks):
        pass
    report = session.report()
    return report, session.ways.get(report.program.number, ())


def _parted(options: Namespace, report: LogReport, way: Sequence[Step]) -> dict[str, Any]:
    from vm import pipeline
    from vm.caps import ROOT
    from vm.cli.sources import read_source

    source = read_source(options.beside, options)
    name = options.program or report.program.name
    return pipeline.beside_record(source, build_options(options), name, ROOT, way, report.program.verdict)


def _parting_text(source: str, parted: dict[str, Any]) -> str:
    differs = parted["kind"] not in ("none", "error")
    where = f", instruction {parted['insn']}" if differs and parted["insn"] is not None else ""
    text = f"\n  beside {source}{where}: {parted['why']}"
    if differs and (parted["log"] or parted["ours"]):
        name = f"{parted['name']}: " if parted["name"] else ""
        text += f"\n    in the log: {name}{parted['log']}\n    here: {name}{parted['ours'] or 'nothing'}"
    return text


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


class _Nowhere:
    """A store of steps that nobody asks for."""

    def append(self, data: bytes) -> None:
        """Forget it."""

    def read(self, offset: int, length: int) -> bytes:
        """Nothing is there."""
        return b""
