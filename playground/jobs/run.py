"""One run: its request, messages so far, watchers and state."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playground.jobs.frames import MESSAGE, Frame, pack
from playground.jobs.queue import SERVER
from playground.jobs.record import Record

QUEUED, RUNNING, FINISHED = "queued", "running", "finished"


class Run:
    """Belongs to one event loop. Wait for `change()` to learn of new messages and states."""

    def __init__(self, key: str, request: dict[str, Any], record: Record, *, stored: bool = False) -> None:
        self.id = f"{key}-{secrets.token_hex(4)}"
        self.key = key
        self.request = request
        self.record = record
        self.state = FINISHED if stored else QUEUED
        self.good = stored  # finished with an answer that can be reused for the same request
        self.client = SERVER
        self.since = 0.0  # time.monotonic() when it began to wait
        self.position = 0  # among those that wait, from 1
        self.expected = 0.0  # seconds it still has to wait, as far as can be told
        self.watchers = 0
        self.left = False  # all watchers have disconnected
        self.cancelled = False
        self.ahead = False  # a short read of a stored run, which does not wait for runs
        self.retried = False  # on a second worker, because the first died before its first message
        self.patience = 1.0  # how many times the limits of time and CPU time it has
        self.files: dict[str, Path] = {}  # what the worker gets in its own folder, by name there
        self.uploads: dict[str, str] = {}  # ids of uploads that are kept for it, with their kinds
        self.on_finish: Callable[[Run], None] | None = None
        self._changed = asyncio.Event()

    def append(self, frame: Frame) -> None:
        """Append what the worker said, unless the run is finished: a worker may go on until it is killed."""
        if self.state == FINISHED:
            return
        self.record.append(frame)
        self.changed()

    def say(self, message: dict[str, Any]) -> None:
        """Append a message of the server itself: a limit, an error, the end."""
        self.append(pack(MESSAGE, message))

    def finish(self, *messages: dict[str, Any]) -> None:
        """Append the final messages and mark the run finished, even if the disk is full."""
        if self.state == FINISHED:
            return
        try:
            for message in messages:
                self.say(message)
        finally:
            self.state = FINISHED
            self.request = {}  # may be long, no longer needed
            if self.on_finish is not None:
                self.on_finish(self)
            self.changed()

    def changed(self) -> None:
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    def change(self) -> asyncio.Event:
        """An event that is set at the next change. Get it before reading the state, so that no change is missed."""
        return self._changed
