"""`log FILE...`: what a verifier's log tells, of any kernel, in any wrapper, whole or cut."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import BinaryIO, Final

from vm.cli.report import BAD_INPUT, Reporter

HELP: Final = "read a verifier's log of any kernel"

_CHUNK: Final = 1 << 16


def arguments(p: ArgumentParser) -> None:
    p.add_argument("files", metavar="FILE", nargs="+", help="a text with a log; - reads standard input")
    p.add_argument("--json", action="store_true", help="one line of JSON per file")


def run(options: Namespace, out: Reporter) -> int:
    """Exit status 0, also where a text tells nothing."""
    from vm.logs.answer import read_log
    from vm.logs.told import record, text

    for path in options.files:
        try:
            if path == "-":
                report = read_log(_chunks(sys.stdin.buffer))
            else:
                with open(path, "rb") as file:
                    report = read_log(_chunks(file))
        except OSError as e:
            out.complain(f"{path}: {e.strerror or e}", BAD_INPUT)
            continue
        out.line(record(path, report), text(path, report))
    return out.status


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
