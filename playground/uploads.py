"""POST /api/log: a log as it is, streamed to a file; nothing of it is read here (docs/web.md).

It stands beside Django, which would read the whole body before it asks a view.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from playground import throttle
from playground.clients import scope_client
from playground.jobs.service import service
from playground.requests import size

log = logging.getLogger("playground.uploads")
PATH: Final = "/api/log"
CHUNK_SECONDS: Final = 30
"""A client that sends nothing for so long is disconnected."""
TOTAL_SECONDS: Final = 600
AT_ONCE: Final = 4
"""Uploads that are taken at the same time; further ones are refused as busy."""

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Refused(Exception):
    """status, and a sentence for whoever sent it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


_coming = 0


async def upload(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application of PATH."""
    global _coming
    try:
        _check(scope)
        if _coming >= AT_ONCE:
            raise Refused(503, "The server is taking other uploads; try again in a moment.")
        _coming += 1
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                answer, status = await _take(receive), 201
        finally:
            _coming -= 1
    except Refused as refused:
        answer, status = {"error": str(refused)}, refused.status
    except TimeoutError:
        answer, status = {"error": "The upload took too long."}, 408
    except OSError:
        log.exception("an upload could not be stored")
        answer, status = {"error": "The server has no disk space left for this log. Try again later."}, 507
    await _answer(send, status, answer)


def _check(scope: Mapping[str, Any]) -> None:
    """Refused where the request is not one for us, before its body is read."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get("host", "")
    allowed = settings.ALLOWED_HOSTS or (["localhost", ".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])
    if not validate_host(split_domain_port(host)[0], allowed):
        raise Refused(400, "The request could not be understood.")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise Refused(403, "Requests from pages of other sites are refused.")
    if scope["method"] != "POST":
        raise Refused(405, "Send the log with POST.")
    if settings.REDIS_URL:
        raise Refused(503, "This server's workers are on other machines and read no uploads: paste the log instead.")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > settings.UPLOAD_MB << 20:
        raise _too_long()
    if not throttle.allow("upload", scope_client(scope), settings.UPLOADS_PER_HOUR):
        raise Refused(429, "Too many logs were uploaded from your address this hour; try again later.")


def _too_long() -> Refused:
    return Refused(413, f"This log is too long: at most {size(settings.UPLOAD_MB << 20)} are taken.")


async def _take(receive: Receive) -> dict[str, Any]:
    """The body as a file. Refused, TimeoutError, OSError; nothing is left of one that did not come whole."""
    uploads = service().uploads
    name = await asyncio.to_thread(uploads.begin)
    if name is None:
        raise Refused(503, "The server holds other uploads; try again in a few minutes.")
    most, length = settings.UPLOAD_MB << 20, 0
    try:
        handle = os.open(uploads.part(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            more = True
            while more:
                async with asyncio.timeout(CHUNK_SECONDS):
                    message = await receive()
                if message["type"] != "http.request":
                    raise Refused(400, "The upload did not arrive whole.")
                body = message.get("body", b"")
                more = message.get("more_body", False)
                length += len(body)
                if length > most:
                    raise _too_long()
                if body:
                    await asyncio.to_thread(_write, handle, body)
        finally:
            os.close(handle)
        if not length:
            raise Refused(400, "The log is empty.")
        uploads.keep(name)
    except BaseException:
        uploads.drop(name)
        raise
    return {"id": name, "bytes": length}


def _write(handle: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(handle, view) :]


async def _answer(send: Send, status: int, value: Mapping[str, Any]) -> None:
    body = json.dumps(value).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-content-type-options": "nosniff",
        "content-security-policy": settings.CONTENT_SECURITY_POLICY,
        "referrer-policy": settings.SECURE_REFERRER_POLICY,
        "cross-origin-opener-policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
    }
    if status in (400, 403, 405, 408, 413):
        headers["connection"] = "close"  # the rest of the body is not read
    lines = [(name.encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
