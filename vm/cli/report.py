"""How results leave the command line: JSON lines on standard output, or text for people."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from vm.errors import InputError, LimitError

DONE: Final = 0
REJECTED: Final = 1
BAD_INPUT: Final = 2
LIMIT: Final = 3

# What `verify` prints, besides the file and the message, for a program that has no verdict.
ERROR: Final = {
    "section": "", "verdict": "error", "errno": 0, "insns_processed": 0, "log": "", "failure": None, "remarks": [],
}  # fmt: skip


def status_of(error: InputError) -> int:
    """The exit status an error means."""
    return LIMIT if isinstance(error, LimitError) else BAD_INPUT


def counted(number: int, noun: str, rest: str = "") -> str:
    """ "1 state stored", "1,024 states stored"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}{rest and ' '}{rest}"


class Reporter:
    """Writes lines and remembers the worst exit status."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.status = DONE

    def line(self, record: dict[str, Any], text: str = "") -> None:
        """One result: as JSON, or as `text`."""
        if self.as_json:
            print(json.dumps(record, ensure_ascii=False), flush=True)
        elif text:
            print(text, flush=True)

    def complain(self, message: str, status: int) -> None:
        """A sentence on standard error."""
        print(message, file=sys.stderr, flush=True)
        self.worst(status)

    def worst(self, status: int) -> None:
        """The exit status is the worst one said."""
        self.status = max(self.status, status)
