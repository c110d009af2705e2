"""One run: what was asked, what was said so far, who watches, and how it stands."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from playground.jobs.frames import MESSAGE, Frame, pack
from playground.jobs.record import Record

QUEUED, RUNNING, FINISHED = "queued", "running", "finished"


class Run:
    """Lives in one event loop. `wait` returns when anything changed since it was called."""

    def __init__(self, key: str, request: dict[str, Any], record: Record, *, stored: bool = False) -> None:
        self.id = f"{key}-{secrets.token_hex(4)}"
        self.key = key
        self.request = request
        self.record = record
        self.state = FINISHED if stored else QUEUED
        self.good = stored  # finished with an answer that holds for the next who asks
        self.position = 0
        self.watchers = 0
        self.left = False  # everybody who watched it has gone
        self.cancelled = False
        self.ahead = False  # a short read of something stored: it does not wait for runs
        self.retried = False  # on a second worker, for the first died before its first word
        self.on_finish: Callable[[Run], None] | None = None
        self._changed = asyncio.Event()

    def append(self, frame: Frame) -> None:
        self.record.append(frame)
        self.changed()

    def say(self, message: dict[str, Any]) -> None:
        """Add a message of the server's own: a limit, an error, the end."""
        self.append(pack(MESSAGE, message))

    def finish(self, *messages: dict[str, Any]) -> None:
        """Say the last words and stand still; a full disk must not keep a run alive."""
        if self.state == FINISHED:
            return
        try:
            for message in messages:
                self.say(message)
        finally:
            self.state = FINISHED
            self.request = {}  # up to 3 MiB, for nobody any more
            if self.on_finish is not None:
                self.on_finish(self)
            self.changed()

    def changed(self) -> None:
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    def change(self) -> asyncio.Event:
        """Set at the next change. Take it before looking, so that nothing is missed between."""
        return self._changed
