"""Searches in the steps of an earlier run, and the outlines for them. Called in a worker only."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache, partial
from typing import Any, Final

from playground.jobs.frames import DAMAGED
from vm.caps import Caps
from vm.program import Program
from vm.runner.stored import BlockError, StoredSteps, read_block
from vm.seek import runs, walks
from vm.seek.condition import Condition, ConditionError, parse
from vm.seek.outline import Outline, OutlineError, Outliner, read_outline
from vm.seek.stops import OF_VALUES, Span, Stop, nearest
from vm.trace.blocks import Block, TraceError
from vm.trace.history import touched_slots
from vm.trace.stored import StoredTrace

Message = dict[str, Any]
Opened = Callable[[Program, list[bytes], Caps], StoredTrace]
Groups = Callable[[int], list[Callable[[], Iterable[int]]]]
"""By number of a stop: for each block, a function that computes its steps."""
KEPT: Final = 8


def outline_messages(outliner: Outliner, stage: str, run: int = 0, *, last: bool = False) -> Iterator[Message]:
    """Yields an `outline` message when there are enough steps for one, or after the last step."""
    for made in outliner.take(last=last):
        about = {"type": "outline", "stage": stage, "run": run, "from": made.first, "to": made.end}
        yield {**about, "data": made.encoded()}


def touched_message(block: Block) -> Message:
    """The `touched` message: which slots change in a block of a walk."""
    end = block.first + len(block.insn)
    return {"type": "touched", "stage": "verify", "from": block.first, "to": end, "data": touched_slots(block)}


def seek(request: Message, program: Callable[[], tuple[Program, Caps]], opened: Opened) -> Iterator[Message]:
    """The `found` message: the nearest step of [first, end) at which one of the stops holds.

    program, opened -- load the program of the request, and open a trace of it from blocks
    """
    span = Span(request["first"], request["end"], request["backwards"])
    stops = [_stop(each) for each in request["stops"]]
    conditions, problems = _conditions(stops, run=request["stage"] == "run")
    try:
        outlines = [_outline(base64.b64decode(text)) for text in request["outlines"]]
        steps = _steps(request, stops, conditions, program, opened)
        found, which = _nearest(outlines, stops, span, steps)
    except (TraceError, BlockError, OutlineError) as error:
        yield {"type": "error", "code": DAMAGED, "message": f"What was stored of these steps cannot be read: {error}."}
        return
    yield {"type": "found", "step": found, "stop": which, "problems": problems}


def _nearest(outlines: list[Outline], stops: list[Stop], span: Span, steps: Groups) -> tuple[int | None, int | None]:
    """(the nearest step, the number of its stop). steps: those at which a stop of OF_VALUES holds, by block."""
    found, which = None, None
    for number, stop in enumerate(stops):
        left = span.within(found)
        step = left.first_of(steps(number)) if stop.kind in OF_VALUES else nearest(outlines, stop, left)
        if step is not None:
            found, which = step, number
    return found, which


def _stop(asked: Message) -> Stop:
    insns = frozenset(asked.get("insns", ()))
    return Stop(asked["kind"], insns, asked.get("most", 0), asked.get("name", ""), asked.get("text", ""))


def _conditions(stops: list[Stop], *, run: bool) -> tuple[dict[int, Condition], list[Message]]:
    """(the conditions by number of the stop, errors of the invalid ones)."""
    made: dict[int, Condition] = {}
    problems: list[Message] = []
    for number, stop in enumerate(stops):
        if stop.kind == "condition":
            try:
                made[number] = parse(stop.text, run=run)
            except ConditionError as error:
                problems.append({"stop": number, "column": error.column, "message": error.message})
    return made, problems


@lru_cache(maxsize=KEPT)
def _outline(data: bytes) -> Outline:
    return read_outline(data)


def _steps(
    request: Message,
    stops: list[Stop],
    conditions: dict[int, Condition],
    program: Callable[[], tuple[Program, Caps]],
    opened: Opened,
) -> Groups:
    """The steps of the request's blocks at which stop n, one of OF_VALUES, holds; an invalid stop never holds."""
    data = [base64.b64decode(text) for text in request["blocks"]]
    if request["stage"] == "run":
        return _of_run(data, stops, conditions)
    blocks = [cache(partial(walks.read, each)) for each in data]
    reader: Callable[[Block], walks.Values] = walks.values_of_log
    if conditions and json.loads(request["program"])["kind"] != "log":
        known, caps = program()
        reader = walks.values_of(opened(known, data[:1], caps))

    def steps(number: int) -> list[Callable[[], Iterable[int]]]:
        condition = conditions.get(number)
        if condition is not None:
            return [partial(_holding, block, condition, reader) for block in blocks]
        if stops[number].kind == "change":
            return [partial(_changing, block, stops[number].name) for block in blocks]
        return []

    return steps


def _of_run(data: list[bytes], stops: list[Stop], conditions: dict[int, Condition]) -> Groups:
    parts = [cache(partial(read_block, each)) for each in data]

    def steps(number: int) -> list[Callable[[], Iterable[int]]]:
        condition = conditions.get(number)
        if condition is not None:
            return [partial(_holding_in_run, part, condition) for part in parts]
        if stops[number].kind == "change":
            return [partial(_changing_in_run, part, stops[number].name) for part in parts]
        return []

    return steps


def _holding(
    block: Callable[[], Block], condition: Condition, reader: Callable[[Block], walks.Values]
) -> Iterable[int]:
    return walks.conditions(block(), condition, reader(block()))


def _changing(block: Callable[[], Block], name: str) -> Iterable[int]:
    return walks.changes(block(), name)


def _holding_in_run(part: Callable[[], StoredSteps], condition: Condition) -> Iterable[int]:
    return runs.conditions(part(), condition)


def _changing_in_run(part: Callable[[], StoredSteps], name: str) -> Iterable[int]:
    return runs.changes(part(), name)
