"""Recorded logs without parts of them, and how often what is read of them is right, empty or wrong.

python -m tests.vm.logs.cuts [NAME...]     prints a line for each way of cutting; with names, what is wrong as well

Of a cut log an answer is right if it is that of the whole log, and wrong if it is another one. Each log is cut at the
same places in every run.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from tests.vm.logs.recordings import expected, recorded, series
from vm.logs.answer import read_log, read_text
from vm.logs.told import record

Cut = Callable[[str, random.Random], Iterator[str]]
FIELDS: Final = ("message", "insn", "reg")
_PLACES: Final = 6
"""Cuts of one log."""


def _middle(mark: str) -> Cut:
    """Some lines between the first and the last one are missing; `mark` stands for them."""

    def cut(log: str, rng: random.Random) -> Iterator[str]:
        lines = log.splitlines()
        if len(lines) < 4:
            return
        for _ in range(_PLACES):
            start, end = sorted(rng.sample(range(1, len(lines)), 2))
            yield "\n".join([*lines[:start], *([mark] if mark else []), *lines[end:]]) + "\n"

    return cut


def _before_message(log: str, rng: random.Random) -> Iterator[str]:
    """The lines right before the message are missing."""
    lines = log.splitlines()
    message = read_log([log]).program.message
    assert message is not None
    at = message.line - 1
    for start in sorted(rng.sample(range(1, at), min(_PLACES, at - 1))) if at > 1 else ():
        yield "\n".join([*lines[:start], *lines[at:]]) + "\n"


def _start(log: str, rng: random.Random) -> Iterator[str]:
    """The text begins anywhere, also within a line."""
    for number in range(_PLACES):
        at = rng.randrange(1, len(log))
        yield log[at:] if number % 2 else log[log.find("\n", at) + 1 :]


def _end(log: str, rng: random.Random) -> Iterator[str]:
    """The text ends anywhere, also within a line."""
    for number in range(_PLACES):
        at = rng.randrange(1, len(log))
        yield log[:at] if number % 2 else log[: log.find("\n", at) + 1]


def _both(log: str, rng: random.Random) -> Iterator[str]:
    """Beginning and end are missing."""
    for _ in range(_PLACES):
        start, end = sorted(rng.sample(range(len(log)), 2))
        yield log[start:end]


def _within(log: str, rng: random.Random) -> Iterator[str]:
    """Characters in the middle are missing, without regard to lines."""
    for _ in range(_PLACES):
        start, end = sorted(rng.sample(range(len(log)), 2))
        yield log[:start] + log[end:]


def _newest_first(log: str, rng: random.Random) -> Iterator[str]:
    """The last line comes first."""
    yield "\n".join(log.splitlines()[::-1]) + "\n"


def _newest_first_dated(log: str, rng: random.Random) -> Iterator[str]:
    """A journal, the last line first."""
    lines = [f"Mar 21 10:11:{n % 60:02} host probe[4711]: {line}" for n, line in enumerate(log.splitlines())]
    yield "\n".join(lines[::-1]) + "\n"


def _scattered(log: str, rng: random.Random) -> Iterator[str]:
    """A tenth of the lines is missing, as of a journal that limits its rate."""
    for _ in range(_PLACES):
        yield "".join(line for line in log.splitlines(keepends=True) if rng.random() > 0.1)


def _whole(log: str, rng: random.Random) -> Iterator[str]:
    yield log


CUTS: Final[dict[str, Cut]] = {
    "whole": _whole,
    "middle": _middle(""),
    "middle, ...": _middle("..."),
    "middle, (truncated)": _middle("(truncated)"),
    "middle, [snip]": _middle("[snip]"),
    "before the message": _before_message,
    "start": _start,
    "end": _end,
    "start and end": _both,
    "characters": _within,
    "scattered lines": _scattered,
    "newest first": _newest_first,
    "newest first, dated": _newest_first_dated,
}


class Read(NamedTuple):
    """A text, what is read of it, and what is right, in the order of FIELDS; "" and None: nothing."""

    name: str
    text: str
    found: tuple[Any, ...]
    want: tuple[Any, ...]

    @property
    def wrong(self) -> list[str]:
        """The fields that say something that is not so."""
        pairs = zip(FIELDS, self.found, self.want, strict=True)
        return [field for field, found, want in pairs if found not in (None, "", want)]


def logs() -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Name, log and what is to be read of it, of every recorded log of a refused program."""
    for log in recorded():
        want = expected().get((series(log["kernel"]), log["program"]))
        for level in ("level1", "level2"):
            if want is not None and level in log:
                yield f"{log['program']} {log['kernel']} {level}", log[level], tuple(want[each] for each in FIELDS)


def read_cut(cut: str) -> Iterator[Read]:
    """What is read of every log, cut in that way."""
    for name, log, want in logs():
        for text in CUTS[cut](log, random.Random(f"{cut} {name}")):
            found = record("x", read_text(text.encode()))
            yield Read(name, text, (found["message"], found["insn"], found["reg"] or ""), want)


def count(cut: str) -> Counter[str]:
    """ "right", "empty" and "wrong" fields of all logs cut in that way."""
    out: Counter[str] = Counter()
    for read in read_cut(cut):
        wrong = len(read.wrong)
        right = sum(found == want for found, want in zip(read.found, read.want, strict=True))
        out += Counter(right=right, wrong=wrong, empty=len(FIELDS) - right - wrong)
    return out


def main(names: list[str]) -> None:
    for cut in names or CUTS:
        told = count(cut)
        shown = " ".join(f"{told[each]:6} {each}" for each in ("right", "empty", "wrong"))
        print(f"{cut:22} {told.total():6} fields: {shown}")
        for read in read_cut(cut) if names else ():
            if read.wrong or (cut == "whole" and read.found != read.want):
                print(f"---- {read.name}: {', '.join(read.wrong)}; found {read.found}, right is {read.want}")
                print("\n".join(read.text.splitlines()[-14:]))


if __name__ == "__main__":
    main(sys.argv[1:])
