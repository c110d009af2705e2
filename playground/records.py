"""What a run's record holds, read as a whole: its messages, its log, its steps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from playground.consumers.run import window_of
from playground.jobs.frames import FrameError
from playground.jobs.reading import Unreadable
from playground.jobs.record import WINDOW
from playground.jobs.run import Run
from playground.jobs.service import first_entries, service
from playground.messages import reads

R = TypeVar("R")
COUNTED_STEPS = 2048
"""Steps of a run whose trace is made to tell its size."""
COUNTED_PLACES = 4
"""Chunks of steps of a longer run's stage that are made for that."""
MOST_ITEMS = 1 << 30
"""More than any list has."""


def log_text(run: Run) -> str:
    """The log as the run's messages hold it. FrameError, OSError."""
    record = run.record
    parts = [record.text(entry) for entry in record.window("log", 0, 0, record.total("log"))]
    if parts:
        return "".join(f"{line}\n" for text in parts for line, _ in json.loads(text)["items"])
    for said in messages_of(run):
        if said["type"] == "stage" and said["stage"] == "verify" and "log" in said:
            return str(said["log"])
    return ""


async def list_texts(run: Run, name: str, network: str) -> list[str]:
    """The `part` messages of a whole list; none if its stage's message holds all of it. Unreadable, Busy."""
    return await service().reads.part(run, name, 0, MOST_ITEMS, network)


def messages_of(run: Run) -> list[dict[str, Any]]:
    """The messages of a run but for steps. FrameError, OSError."""
    said = [json.loads(run.record.text(entry)) for entry in first_entries(run.record) if not entry.is_steps]
    return [message for message in said if message["type"] != "steps"]  # those of a walk are kept as a block as well


async def read(work: Callable[[Run], R], run: Run) -> R:
    """What a function reads of a run's record, in a thread. Unreadable."""
    try:
        return await asyncio.to_thread(work, run)
    except (FrameError, OSError) as error:
        service().damaged(run, str(error))
        raise Unreadable("What the server stored of this run is damaged. Run the program again.") from None


async def everything(run: Run, network: str) -> AsyncIterator[str]:
    """All messages of a finished run, then all its steps. BadRequest, Unreadable."""
    said = await read(messages_of, run)
    for message in said:
        yield compact(message)
    for stage, number in stages_of(said):
        for first in range(0, run.record.total(stage, number), WINDOW):
            for text in await steps_from(run, stage, number, first, network):
                yield text


async def trace_size(run: Run, network: str) -> tuple[int, bool]:
    """Bytes of everything() with a message a line, and whether they were counted. BadRequest, Unreadable.

    Steps of a long run are counted in some places, and the others taken to be as long.
    """
    said = await read(messages_of, run)
    size = sum(_bytes(compact(message)) for message in said)
    stages = stages_of(said)
    exact = sum(run.record.total(*each) for each in stages) <= COUNTED_STEPS
    for stage, number in stages:
        total = run.record.total(stage, number)
        counted = steps = 0
        places = (
            range(0, total, WINDOW) if exact else [(total - 1) * n // COUNTED_PLACES for n in range(COUNTED_PLACES)]
        )
        for first in places:
            for text in await steps_from(run, stage, number, first, network, WINDOW if exact else 1):
                counted += _bytes(text)
                steps += len(json.loads(text)["steps"])
        size += counted * total // max(1, steps)
    return size, exact


def _bytes(text: str) -> int:
    """Those of a line."""
    return len(text.encode()) + 1


async def steps_from(run: Run, stage: Any, number: int, first: int, network: str, count: int = WINDOW) -> list[str]:
    """The `steps` messages of the window that begins at `first`. BadRequest, Unreadable."""
    window = reads.Window(type="window", stage=stage, run=number, from_=first, to=first + count)
    return await window_of(run, window, network)


def stages_of(said: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Stages that have steps, with the number of the run."""
    executed = [m for m in said if m["type"] == "stage" and m["stage"] == "run" and m.get("runs")]
    return [("verify", 0), *(("run", n) for m in executed for n in range(len(m["runs"])))]


def compact(value: Any) -> str:
    """JSON as the socket sends it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
