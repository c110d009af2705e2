"""POST /api/log: a log as it is, streamed to a file; nothing of it is read here (docs/web.md).

It stands beside Django, which would read the whole body before it asks a view.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from playground import throttle
from playground.clients import scope_client
from playground.http import CHUNK_SECONDS, Receive, Refused, Send, admit, headers_of, say
from playground.jobs.service import service
from playground.jobs.storage import refusal
from playground.requests import size

log = logging.getLogger("playground.uploads")
PATH: Final = re.compile("/api/log")
TOTAL_SECONDS: Final = 600
AT_ONCE: Final = 4
"""Uploads that are taken at the same time; further ones are refused as busy."""

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
    except OSError as error:
        log.exception("an upload could not be stored")
        answer, status = {"error": refusal(error, "log")}, 507
    await say(send, status, answer)


def _check(scope: Mapping[str, Any]) -> None:
    """Refused where the request is not one for us, before its body is read."""
    admit(scope, "POST", "Send the log with POST.")
    length = headers_of(scope).get("content-length", "")
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
