"""Messages of which characters are missing: the beginning of one that kernels say, and the end of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from vm.logs.templates import Shape

_MAX_LINE: Final = 300
_MAX_VALUE: Final = 40
_LEAST_END: Final = 4
"""Characters of text that the end must have, apart from values: a shorter one is the end of many sentences."""


def is_damaged(line: str, shapes: Iterable[Shape]) -> bool:
    """Whether a line is the beginning of a line made from a template and the end of one, with nothing between.

    Such a line tells neither what the first would have told nor the second.
    """
    line = line.strip()
    if not line or len(line) > _MAX_LINE:
        return False
    begins = ends = 0
    turned = line[::-1]
    for shape in shapes:
        pieces = [shape.start, *(part.after for part in shape.parts)]
        if shape.start:
            begins = max(begins, _common(line, pieces, 1))
        ends = max(ends, _common(turned, [piece[::-1] for piece in reversed(pieces)], _LEAST_END))
    return begins > 0 and ends > 0 and begins + ends >= len(line)


def _common(line: str, pieces: Sequence[str], least: int) -> int:
    """Characters at the start of `line` that pieces of text with a value between each two can stand for, `least` of
    them text; 0 if there are fewer. A value has no spaces."""
    best = 0
    places = {0: 0}  # how far a piece may reach -> how much of that is text
    for number, piece in enumerate(pieces):
        if number:
            further: dict[int, int] = {}
            for place, known in places.items():
                for end in _values(line, place):
                    further[end] = max(known, further.get(end, 0))
            places = further
        found: dict[int, int] = {}
        for place, known in places.items():
            same = next((n for n, (a, b) in enumerate(zip(piece, line[place:], strict=False)) if a != b), None)
            length = min(len(piece), len(line) - place) if same is None else same
            if length and known + length >= least:
                best = max(best, place + length)
            if length == len(piece):
                found[place + length] = max(known + length, found.get(place + length, 0))
        places = found
        if not places:
            break
    return best


def _values(line: str, place: int) -> Iterator[int]:
    """Where a value may end that begins at `place`."""
    for end in range(place, min(len(line), place + _MAX_VALUE) + 1):
        yield end
        if end < len(line) and line[end] == " ":
            return
