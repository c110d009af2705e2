"""Requests to the application without a server: what waits and streams beside Django."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What came back; headers by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


class Call:
    """A request that goes on; `leave` closes the connection."""

    def __init__(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        from playground.asgi import application

        path, _, query = path.partition("?")
        told = {"host": "localhost:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query.encode(), "client": ("192.0.2.7", 1),
            "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        }  # fmt: skip
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.task = asyncio.create_task(application(scope, self._incoming.get, self._take))

    async def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in event["headers"]}
        else:
            self.body += event.get("body", b"")

    def leave(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def end(self, seconds: float = 20) -> Answer:
        await asyncio.wait_for(self.task, seconds)
        return Answer(self.status, self.headers, self.body)


@asynccontextmanager
async def calling(method: str, path: str, value: Any = None, **headers: str) -> AsyncIterator[Call]:
    body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
    call = Call(method, path, body, headers)
    try:
        yield call
    finally:
        call.task.cancel()


async def call(method: str, path: str, value: Any = None, **headers: str) -> Answer:
    async with calling(method, path, value, **headers) as going:
        return await going.end()
