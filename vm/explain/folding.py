"""Folds copies in the chain of steps: moves, stores to the stack and loads of them, arguments."""

from __future__ import annotations

from typing import Final

from vm.explain.causes import written
from vm.isa import opcodes as o
from vm.trace.recorder import Recorder
from vm.trace.records import Cause
from vm.trace.snapshots import slot_index, slot_name

_COPIES: Final = frozenset({"move", "spill", "fill", "argument"})


def folded(recorder: Recorder, causes: list[Cause]) -> list[Cause]:
    """The chain with each run of copies as one entry, the last copy's, which names the slots on the way.

    A copy that something else than the next copy refers to, as a comparison of it, stays an entry of its own.
    """
    by_place = {(cause.step, cause.name): cause for cause in causes if cause.kind in _COPIES and cause.step >= 0}
    sources = {place: _source(recorder, cause) for place, cause in by_place.items()}
    read = [source for source in sources.values() if source is not None]
    compared = {cause.name for cause in causes if cause.kind == "branch"}
    gone: set[tuple[int, str]] = set()
    whole = {}
    for place in by_place:
        way: list[tuple[int, str]] = []
        source = sources[place]
        while source in by_place and read.count(source) == 1 and source[1] not in compared and source not in way:
            way.append(source)
            source = sources[source]
        gone.update(way)
        whole[place] = way
    return [
        cause._replace(why=_told(cause, [by_place[each] for each in reversed(whole[cause.step, cause.name])]))
        if (cause.step, cause.name) in whole
        else cause
        for cause in causes
        if (cause.step, cause.name) not in gone or cause.kind not in _COPIES
    ]


def _source(recorder: Recorder, cause: Cause) -> tuple[int, str] | None:
    """(step, name) of the value that a copy was made of."""
    frame, idx = slot_index(cause.name)
    parts = [part for part in written(recorder, cause.step, frame, idx, words=False).parts if part[1] != o.REG_FP]
    if len(parts) != 1:
        return None
    return recorder.writer_before(cause.step, *parts[0]), slot_name(*parts[0])


def _told(last: Cause, way: list[Cause]) -> str:
    if not way:
        return last.why
    through = ", ".join(f"{cause.name} ({cause.why.split(':')[0]})" for cause in way)
    return f"{last.why}; by way of {through}"
