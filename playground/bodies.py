"""A largest size of the bodies that Django gets: it writes a whole body to a temporary file before it asks a view."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from playground.http import Receive, Send, headers_of, say

Application = Callable[..., Awaitable[None]]


def bounded(application: Application) -> Application:
    """Of a request whose announced body is too long, Django gets the header only, from which it knows that it is.

    One that is not announced is refused as soon as it is too long. The rest of neither is read.
    """

    async def inner(scope: Any, receive: Receive, send: Send) -> None:
        announced = headers_of(scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > settings.BODY_BYTES:
            given = False

            async def only_the_header() -> dict[str, Any]:
                nonlocal given
                if given:  # Django waits beside its view for the client to leave
                    await asyncio.get_running_loop().create_future()
                given = True
                return {"type": "http.request", "body": b"", "more_body": False}

            await application(scope, only_the_header, _then_closed(send))
            return
        length = 0
        over = False

        async def counted() -> dict[str, Any]:
            nonlocal length, over
            message = await receive()
            length += len(message.get("body", b""))
            if length <= settings.BODY_BYTES:
                return message
            if not over:
                over = True
                await say(send, 413, {"error": f"This is too long: at most {settings.BODY_BYTES:,} bytes are taken."})
            return {"type": "http.disconnect"}

        await application(scope, counted, send)

    return inner


def _then_closed(send: Send) -> Send:
    """Responses end the connection: what comes on it is the rest of a body."""

    async def inner(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return inner
