"""Where a search stops, and the nearest such step in outlines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from vm.seek.outline import Outline

Kind: TypeAlias = Literal["insn", "line", "frame", "fork", "prune", "path", "change", "condition"]


class Stop(NamedTuple):
    """A reason to stop at a step.

    insn      -- it visits one of the instructions `insns`
    line      -- it comes to one of `insns`, those of a source line, from elsewhere, or from one at or behind it: a
                 visit of the line
    frame     -- at most `most` frames are left after it
    fork      -- it pushed a path; prune -- a path was pruned after it; path -- a path forks, begins or ends there
    change    -- the register or slot `name` got a value
    condition -- the condition `text` becomes true; on a new path also where it is true at its first step
    """

    kind: Kind
    insns: frozenset[int] = frozenset()
    most: int = 0
    name: str = ""
    text: str = ""


OF_VALUES: Final = ("change", "condition")
"""Kinds that need the states, not only an outline."""


class Span(NamedTuple):
    """Steps [first, end) in which is searched, from the first on or, backwards, from the last."""

    first: int
    end: int
    backwards: bool

    def nearest(self, steps: Iterable[int]) -> int | None:
        """The first of these steps that the search comes to; they may be in any order."""
        inside = [step for step in steps if self.first <= step < self.end]
        return (max(inside) if self.backwards else min(inside)) if inside else None

    def first_of(self, groups: Sequence[Callable[[], Iterable[int]]]) -> int | None:
        """nearest() of groups that follow each other: the steps of later ones are worked out only if needed."""
        for steps in reversed(groups) if self.backwards else groups:
            found = self.nearest(steps())
            if found is not None:
                return found
        return None

    def within(self, found: int | None) -> Span:
        """The part of it that comes before a step that was found already."""
        if found is None:
            return self
        return self._replace(first=found + 1) if self.backwards else self._replace(end=found)


def nearest(outlines: Sequence[Outline], stop: Stop, span: Span) -> int | None:
    """The nearest step of a span that is a reason to stop; None without one. Not for OF_VALUES."""
    marked = _MARKED.get(stop.kind)
    if marked is not None:
        return span.nearest(step for outline in outlines for step in marked(outline))
    test = _TESTED[stop.kind]
    for outline in reversed(outlines) if span.backwards else outlines:
        found = test(outline, stop, span)
        if found is not None:
            return found
    return None


def _pruned(outline: Outline) -> Iterable[int]:
    return (step for step, how in zip(outline.ends, outline.pruned, strict=True) if how)


def _path(outline: Outline) -> Iterable[int]:
    return (*outline.forks, *outline.starts, *outline.ends)


_MARKED: Final[dict[str, Callable[[Outline], Iterable[int]]]] = {
    "fork": lambda outline: outline.forks,
    "prune": _pruned,
    "path": _path,
}


def _scan(outline: Outline, mask: bytes, span: Span, accepts: Callable[[int], bool]) -> int | None:
    """The nearest place in an outline whose byte in `mask` is 1 and that is accepted, as a step."""
    low, high = max(span.first - outline.first, 0), min(span.end - outline.first, len(mask))
    while low < high:
        at = mask.rfind(1, low, high) if span.backwards else mask.find(1, low, high)
        if at < 0:
            return None
        if accepts(at):
            return outline.first + at
        if span.backwards:
            high = at
        else:
            low = at + 1
    return None


def _classes(values: Iterable[int]) -> bytes:
    """A table for bytes.translate(): 1 for these bytes, 0 for others."""
    table = bytearray(256)
    for value in values:
        table[value] = 1
    return bytes(table)


def _at_insn(outline: Outline, stop: Stop, span: Span) -> int | None:
    insns, insn = stop.insns, outline.insn
    # The low byte of each instruction's number: a search in bytes is many times as fast as one in numbers.
    mask = insn.tobytes()[::4].translate(_classes(idx & 0xFF for idx in insns))
    return _scan(outline, mask, span, lambda at: insn[at] in insns)


def _at_line(outline: Outline, stop: Stop, span: Span) -> int | None:
    insns, insn = stop.insns, outline.insn
    mask = insn.tobytes()[::4].translate(_classes(idx & 0xFF for idx in insns))
    starts = outline.starts

    def comes(at: int) -> bool:
        if insn[at] not in insns:
            return False
        before = insn[at - 1] if at else outline.before
        place = bisect_left(starts, outline.first + at)
        begins = place < len(starts) and starts[place] == outline.first + at
        return begins or before not in insns or insn[at] <= before

    return _scan(outline, mask, span, comes)


def _in_frame(outline: Outline, stop: Stop, span: Span) -> int | None:
    mask = outline.depth.translate(_classes(range(min(stop.most, 255) + 1)))
    return _scan(outline, mask, span, lambda at: True)


_TESTED: Final[dict[str, Callable[[Outline, Stop, Span], int | None]]] = {
    "insn": _at_insn,
    "line": _at_line,
    "frame": _in_frame,
}
