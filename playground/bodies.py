"""Bodies of requests that are held in memory: how long one may be, and how much there may be of them together.

Uploads are not: they are streamed to files (playground/uploads.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from django.conf import settings

from playground import http, metrics
from playground.clients import scope_client
from playground.http import Receive, Refused, Send, headers_of, say
from playground.jobs.queue import Client

ROOM_BYTES: Final = 64 << 20
"""Of bodies that arrive at the same time."""
ROOM_OF_CLIENT: Final = 16 << 20
"""The same of one share."""
FREE_BYTES: Final = 64 << 10
"""Of each body: they are bounded by the number of connections."""
Application = Callable[..., Awaitable[None]]

_held: Counter[str] = Counter()


class Body:
    """The room that one body takes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._counted = 0
        self.length = 0

    def grow(self, length: int) -> None:
        """Refused where there is no room for so many more bytes, or the body is too long."""
        self.length += length
        if self.length > settings.BODY_BYTES:
            raise Refused(413, f"This is too long: at most {settings.BODY_BYTES:,} bytes are taken.")
        more = max(0, self.length - FREE_BYTES) - self._counted
        own = _held[self._client.name] + more > ROOM_OF_CLIENT * self._client.share
        if more and (own or _held.total() + more > ROOM_BYTES):
            metrics.refusals.labels("bodies").inc()
            raise Refused(503, "The server is taking other requests; try again in a moment.", 5)
        _held[self._client.name] += more
        self._counted += more

    def release(self) -> None:
        _held[self._client.name] -= self._counted
        self._counted = 0
        if not _held[self._client.name]:
            del _held[self._client.name]


@contextlib.contextmanager
def _counted(scope: Mapping[str, Any]) -> Iterator[Body]:
    body = Body(scope_client(scope))
    try:
        yield body
    finally:
        body.release()


async def body_of(scope: Mapping[str, Any], receive: Receive) -> bytes:
    """A request's body. Refused if it is too long, has no room, does not arrive, or arrives too slowly."""
    with _counted(scope) as body:

        async def grown() -> dict[str, Any]:
            message = await receive()
            body.grow(len(message.get("body", b"")))
            return message

        return await http.body_of(grown, settings.BODY_BYTES)


def bounded(application: Application) -> Application:
    """Django writes a whole body to a temporary file before it asks a view: here is what bounds it.

    Of a request whose announced body is too long, Django gets the header only, from which it knows that it is.
    One that is not announced is refused as soon as it is too long. The rest of neither is read.
    """

    async def inner(scope: Any, receive: Receive, send: Send) -> None:
        announced = headers_of(scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > settings.BODY_BYTES:
            await application(scope, _only_the_header(), _then_closed(send))
            return
        refused = False

        async def counted() -> dict[str, Any]:
            nonlocal refused
            message = await receive()
            try:
                body.grow(len(message.get("body", b"")))
            except Refused as error:
                if not refused:
                    refused = True
                    await say(send, error.status, {"error": str(error)}, error.retry_after)
                return {"type": "http.disconnect"}
            return message

        with _counted(scope) as body:
            await application(scope, counted, send)

    return inner


def _only_the_header() -> Receive:
    given = False

    async def inner() -> dict[str, Any]:
        nonlocal given
        if given:  # Django waits beside its view for the client to leave
            await asyncio.get_running_loop().create_future()
        given = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return inner


def _then_closed(send: Send) -> Send:
    """Responses end the connection: what comes on it is the rest of a body."""

    async def inner(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return inner
