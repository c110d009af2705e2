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


async def steps_from(run: Run, stage: Any, number: int, first: int, network: str) -> list[str]:
    """The `steps` messages of the window that begins at `first`. BadRequest, Unreadable."""
    window = reads.Window(type="window", stage=stage, run=number, from_=first, to=first + WINDOW)
    return await window_of(run, window, network)


def stages_of(said: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Stages that have steps, with the number of the run."""
    executed = [m for m in said if m["type"] == "stage" and m["stage"] == "run" and m.get("runs")]
    return [("verify", 0), *(("run", n) for m in executed for n in range(len(m["runs"])))]


def compact(value: Any) -> str:
    """JSON as the socket sends it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
