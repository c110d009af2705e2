"""The server's own job, which ends behind the first event of a recording in the way that its workload names."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Final

from playground.present import run
from playground.present.run import prepare, readable

__all__ = ["prepare", "readable", "run_job"]
Message = dict[str, Any]


def _fill() -> None:
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)))


ENDS: Final[Mapping[str, Callable[[], object]]] = {
    "dies": lambda: ctypes.string_at(0),
    "hangs": lambda: time.sleep(300),
    "fills the memory": _fill,
}
FAILS: Final = "fails"
"""The workload of a recording whose replay raises an exception."""
EVENTS: Final = 3
"""That are replayed, before the job ends in this way."""


def run_job(request: Message) -> Iterator[Message]:
    """As the server's own; the recording's workload is one of ENDS, or FAILS."""
    workload = ""
    said: Generator[Message, None, None] = run.run_job(request)  # type: ignore[assignment]
    for message in said:
        yield message
        if message["type"] == "stage" and message["stage"] == "run" and message.get("recorded", {}).get("replayed"):
            workload = message["recorded"]["workload"]
        if workload and message["type"] == "block" and message["run"] == EVENTS - 1:
            ENDS.get(workload, int)()
            if workload == FAILS:
                yield said.throw(RuntimeError("the replay failed"))
