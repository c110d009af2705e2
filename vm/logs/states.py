"""Printed states taken apart: which registers and slots, and the words for each."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from vm.logs.values import State, Value

_CACHED: Final = 1000
"""Characters of the longest state that is remembered: loops print the same ones again and again."""
_FRAME: Final = re.compile(r"\s*frame(\d{1,2}): ?")
_VALUE: Final = re.compile(r"(?:^|\s)(R\d{1,2}|fp-?\d{1,4}|refs)(?:_([rwWD]{1,3}))?=")
_FLAGS: Final = re.compile(r"(?:\s(?:cb|async_cb|rcu|preempt|irq_\w+))+\s*$")


def read_state(text: str, whole: bool, line: int) -> State:
    """The state that a piece of text prints."""
    frame, values, rest = _known(text) if len(text) <= _CACHED else _taken_apart(text)
    return State(frame, values, whole, rest, line)


@lru_cache(maxsize=1 << 14)
def _known(text: str) -> tuple[int, tuple[Value, ...], str]:
    return _taken_apart(text)


def _taken_apart(text: str) -> tuple[int, tuple[Value, ...], str]:
    frame = 0
    found = _FRAME.match(text)
    if found is not None:
        frame, text = int(found[1]), text[found.end() :]
    rest = ""
    flags = _FLAGS.search(text[-80:]) if text[-1:].isalpha() else None
    if flags is not None:
        cut = len(text) - len(text[-80:]) + flags.start()
        text, rest = text[:cut], text[cut:].strip()
    values: list[Value] = []
    marks = list(_VALUE.finditer(text))
    for number, mark in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        words = text[mark.end() : end].strip()
        if mark[1] == "refs":
            rest = f"refs={words} {rest}".strip()
        else:
            values.append(Value(mark[1].lower() if mark[1][0] == "R" else mark[1], mark[2] or "", words))
    return frame, tuple(values), rest
