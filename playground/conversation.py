"""The run socket without a socket: the same consumer, its messages in bounded queues (docs/protocol.md)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from playground.routing import limited

WAITING: Final = 64
"""Messages of the client that the consumer has not taken yet."""
HELD_BYTES: Final = 1 << 20
"""Messages of the server that wait to be read; the consumer stops where there are more, as before a slow socket."""
TAKEN_BYTES: Final = 4 << 20
"""Messages that are taken at once, but for one that is longer."""
NORMAL, LOST = 1000, 1006


class Full(Exception):
    """The client sends faster than its messages are answered."""


class Conversation:
    """One client and its consumer. Messages of the server are numbered from 1 and held until they are known as read.

    closed -- the code with which the server ended it; None while it goes on
    """

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.closed: int | None = None
        self.number = 0
        self._held: deque[tuple[int, str]] = deque()
        self._bytes = 0
        self._changed = asyncio.Condition()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._left = False
        self._inbox.put_nowait({"type": "websocket.connect"})
        inner = {
            "type": "websocket", "path": "/ws/run", "raw_path": b"/ws/run", "query_string": b"", "subprotocols": [],
            "headers": scope.get("headers", []), "client": scope.get("client"),
        }  # fmt: skip
        self._task = asyncio.get_running_loop().create_task(self._serve(inner))

    async def _serve(self, scope: dict[str, Any]) -> None:
        try:
            await limited(scope, self._inbox.get, self._take)
        finally:
            self.closed = self.closed or NORMAL
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, event: dict[str, Any]) -> None:
        """What the consumer sends. OSError once the client has left, as of a socket."""
        if event["type"] == "websocket.close":
            self.closed = event.get("code") or NORMAL
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": self.closed})
        async with self._changed:
            if event["type"] == "websocket.send":
                await self._changed.wait_for(lambda: self._left or self._bytes < HELD_BYTES)
                if self._left:
                    raise OSError("the client has left")
                self.number += 1
                self._held.append((self.number, event["text"]))
                self._bytes += len(event["text"])
            self._changed.notify_all()

    def put(self, text: str) -> None:
        """Hand a message of the client on. Full."""
        if self._inbox.qsize() >= WAITING:
            raise Full
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    def say(self, **message: Any) -> None:
        """The same for a message of ours."""
        self.put(json.dumps(message))

    async def after(self, number: int, seconds: float) -> list[tuple[int, str]]:
        """Messages behind `number`, with their numbers; none if none came in time. Those up to it are let go."""
        async with self._changed:
            while self._held and self._held[0][0] <= number:
                self._bytes -= len(self._held.popleft()[1])
            self._changed.notify_all()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: bool(self._held) or self.closed is not None)
            taken: list[tuple[int, str]] = []
            length = 0
            for each in self._held:
                length += len(each[1])
                if taken and length > TAKEN_BYTES:
                    break
                taken.append(each)
            return taken

    async def messages(self) -> AsyncIterator[str]:
        """The server's messages one after the other, until it ends the conversation."""
        number = 0
        while True:
            taken = await self.after(number, 60)
            if not taken and self.closed is not None:
                return
            for _, text in taken:
                yield text
            number = taken[-1][0] if taken else number

    async def close(self, code: int = NORMAL) -> None:
        """The client leaves; LOST: it may come back (`resume`)."""
        self._left = True
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": code})
        async with self._changed:
            self._changed.notify_all()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            async with asyncio.timeout(10):
                await self._task
