"""Responses that wait or stream: ASGI beside Django, with the checks and headers of the other responses.

A view of Django holds a thread while it waits; these hold none.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
CHUNK_SECONDS: Final = 30
"""A client that sends or reads nothing for so long is disconnected."""
UNREAD: Final = (400, 403, 404, 405, 408, 413, 429, 503)
"""After these the rest of the request's body is not read."""


class Refused(Exception):
    """status, a sentence for whoever sent it, and seconds after which to try again."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Left(Exception):  # noqa: N818 - not an error
    """The client has closed the connection, or reads nothing."""


def admit(scope: Mapping[str, Any], method: str, how: str) -> None:
    """Refused where the request is not one for us, before its body is read. how: a sentence with the right method."""
    headers = headers_of(scope)
    host = headers.get("host", "")
    allowed = settings.ALLOWED_HOSTS or (["localhost", ".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])
    if not validate_host(split_domain_port(host)[0], allowed):
        raise Refused(400, "The request could not be understood.")
    if foreign(headers.get("origin"), host):
        raise Refused(403, "Requests from pages of other sites are refused.")
    if scope["method"] != method:
        raise Refused(405, how)


def foreign(origin: str | None, host: str) -> bool:
    """Whether a request comes from a page of another site, by its `Origin`; None: it has none."""
    try:
        return origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return True


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """A request's headers by lower-case name."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def query_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """The query of the address; of a name that is given twice the last value. Refused if it is too long."""
    try:
        return dict(parse_qsl(scope.get("query_string", b"").decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise Refused(400, "The address could not be understood.") from None


async def body_of(receive: Receive, most: int) -> bytes:
    """The request's body. Refused if it has more bytes, does not arrive, or arrives too slowly."""
    parts, length, more = [], 0, True
    while more:
        try:
            async with asyncio.timeout(CHUNK_SECONDS):
                message = await receive()
        except TimeoutError:
            raise Refused(408, "The request took too long.") from None
        if message["type"] != "http.request":
            raise Left
        part, more = message.get("body", b""), message.get("more_body", False)
        length += len(part)
        if length > most:
            raise Refused(413, f"This is too long: at most {most:,} bytes are taken.")
        parts.append(part)
    return b"".join(parts)


def _headers(status: int, given: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    headers = {
        "x-content-type-options": "nosniff",
        "content-security-policy": settings.CONTENT_SECURITY_POLICY,
        "referrer-policy": settings.SECURE_REFERRER_POLICY,
        "cross-origin-opener-policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        "cache-control": "no-store",
        **given,
    }
    if status in UNREAD:
        headers["connection"] = "close"
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]


async def answer(send: Send, status: int, body: str | bytes, kind: str = "application/json", **more: str) -> None:
    """A whole response. more: further headers, by name with _ for -."""
    data = body.encode("utf-8", "replace") if isinstance(body, str) else body
    given = {"content-length": str(len(data)), **{name.replace("_", "-"): text for name, text in more.items()}}
    if status != 204:
        given["content-type"] = kind
    await send({"type": "http.response.start", "status": status, "headers": _headers(status, given)})
    await send({"type": "http.response.body", "body": data})


async def say(send: Send, status: int, value: Mapping[str, Any], retry_after: int | None = None) -> None:
    """A JSON object as the response. retry_after: seconds"""
    await answer(send, status, json.dumps(value), **({} if retry_after is None else {"retry_after": str(retry_after)}))


class Stream:
    """A response that is sent in pieces, as fast as the client reads them."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def begin(self, kind: str, **more: str) -> None:
        given = {"content-type": kind, **{name.replace("_", "-"): text for name, text in more.items()}}
        await self._send({"type": "http.response.start", "status": 200, "headers": _headers(200, given)})
        self.begun = True

    async def write(self, text: str) -> None:
        await self._put(text.encode("utf-8", "replace"), more=True)

    async def end(self) -> None:
        await self._put(b"", more=False)

    async def _put(self, data: bytes, *, more: bool) -> None:
        try:
            async with asyncio.timeout(CHUNK_SECONDS):
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        except (TimeoutError, OSError):
            raise Left from None


async def while_there(receive: Receive, work: Awaitable[None]) -> None:
    """Do it as long as the client is there: its body was read, so all that can come is that it leaves."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Left
        await working
    finally:
        for task in (working, leaving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
