"""What a loader says where the verifier says nothing, found line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vm.loaders.numbers import error_in
from vm.loaders.words import ROWS, Meaning
from vm.logs.values import Message, Reason

_MAX_LINE: Final = 2000
_MAX_SAID: Final = 400
_ERROR_LINES: Final = 4
"""Lines behind a message in which its error may stand: Rust prints a chain of causes, one on a line."""


class Loading:
    """Finds, line by line, what a loader says. Of the lines that mean something the row decides, then the order."""

    def __init__(self) -> None:
        self._best = len(ROWS)
        self._reason: tuple[Message, Reason] | None = None
        self._line = self._left = 0
        self._text = ""

    def line(self, number: int, text: str) -> None:
        """A line that is none of the kernel's, without its prefix."""
        text = text[:_MAX_LINE]
        if self._left > 0:
            self._left -= 1
            error = error_in(text)
            if error:
                self._left = 0
                self._take(self._line, self._text, error)
        self._take(number, text, error_in(text))

    def _take(self, number: int, text: str, error: str) -> None:
        for at, row in enumerate(ROWS[: self._best]):
            found = row.shape.search(text)
            if found is None:
                continue
            if not error and row.errors:
                self._line, self._text, self._left = number, text, _ERROR_LINES
            reason = row.errors.get(error, row.said)
            if reason is None:
                continue
            message = Message(text.strip()[:_MAX_SAID], (), (), (), number)
            self._reason = message, _filled(reason, found)
            self._best = at if error or not row.errors else at + 1
            return

    def found(self) -> tuple[Message, Reason] | None:
        """The line that says why, and what it means; None if there is none."""
        return self._reason


def _filled(meaning: Meaning, found: re.Match[str]) -> Reason:
    """The words with what the line names: `more`, and whichever other group found something as `name`."""
    groups = {key: value.strip() for key, value in found.groupdict().items() if value}
    more = groups.pop("more", "")
    values = {"name": next(iter(groups.values()), ""), "more": more}
    return Reason(*(_put(text, values) for text in meaning))


def _put(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(f" {{{key}}}", f" {value}" if value else "")
    return text
