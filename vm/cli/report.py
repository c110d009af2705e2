"""How results leave the command line: JSON lines on standard output, or text for people."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Final

from vm.errors import InputError, LimitError

DONE: Final = 0
REJECTED: Final = 1
BAD_INPUT: Final = 2
LIMIT: Final = 3

# What a terminal acts upon, hides or shows in another order, as on the page (static/src/ui/dom.js), and halves of
# characters, which have no UTF-8.
_ACTING: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffc]"
)

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


def visible(text: str) -> str:
    """Text for a terminal: what it would act upon is spelt out, as \\x1b and \\u202e. Names and logs are the users'."""

    def spelt(found: re.Match[str]) -> str:
        code = ord(found[0])
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

    return _ACTING.sub(spelt, text.replace("\r\n", "\n"))


class Reporter:
    """Writes lines and remembers the worst exit status."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.status = DONE

    def line(self, record: dict[str, Any], text: str = "") -> None:
        """One result: as JSON, or as `text`."""
        if self.as_json:
            told = json.dumps(record, ensure_ascii=False)
            print(told.encode(errors="backslashreplace").decode(), flush=True)  # "\\ud800" is JSON's spelling too
        elif text:
            print(visible(text), flush=True)

    def complain(self, message: str, status: int) -> None:
        """A sentence on standard error."""
        print(visible(message), file=sys.stderr, flush=True)
        self.worst(status)

    def worst(self, status: int) -> None:
        """The exit status is the worst one said."""
        self.status = max(self.status, status)
