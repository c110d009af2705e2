"""POST /api/uploads: what is too long for a message, streamed to a file; nothing of it is read here (docs/web.md).

It stands beside Django, which would read the whole body before it asks a view. Workers read the file.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from playground import disk, metrics, throttle
from playground.clients import scope_client
from playground.http import CHUNK_SECONDS, Receive, Refused, Send, admit, headers_of, query_of, say
from playground.jobs.queue import Client
from playground.jobs.service import most_of, service
from playground.jobs.storage import refusal
from playground.jobs.uploads import WAIT_SECONDS, Full
from playground.places import KINDS, LOG, NAMES
from playground.requests import size

log = logging.getLogger("playground.uploads")
LOG_PATH: Final = "/api/log"
"""The address for logs alone, of earlier releases."""
PATH: Final = re.compile(f"/api/uploads|{LOG_PATH}")
TOTAL_SECONDS: Final = 600
AT_ONCE: Final = 32
"""Uploads that are taken at the same time; further ones are refused as busy."""
AT_ONCE_OF_CLIENT: Final = 4
"""The same of one share."""

_coming: Counter[str] = Counter()


async def upload(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application of PATH."""
    retry_after = None
    try:
        if scope["method"] == "GET" and scope["path"] != LOG_PATH:
            admit(scope, "GET", "")
            answer, status = {"limits": {kind: most_of(kind) for kind in KINDS}, "seconds": WAIT_SECONDS}, 200
        else:
            answer, status = await _answer(scope, receive), 201
    except Refused as refused:
        answer, status, retry_after = {"error": str(refused)}, refused.status, refused.retry_after
    except TimeoutError:
        answer, status = {"error": "The upload took too long."}, 408
    except Full as full:
        whose = "Your network address has other uploads" if full.own else "The server holds other uploads"
        answer, status, retry_after = {"error": f"{whose}; try again in a few minutes."}, 503, 60
    except OSError as error:
        log.exception("an upload could not be stored")
        busy = error.errno in (errno.EMFILE, errno.ENFILE)
        answer, status, retry_after = {"error": refusal(error, "file")}, 503 if busy else 507, 10 if busy else None
    await say(send, status, answer, retry_after)


async def _answer(scope: Mapping[str, Any], receive: Receive) -> dict[str, Any]:
    """The answer to an upload that was stored. Refused, TimeoutError, Full, OSError."""
    kind, length = _check(scope)
    client = scope_client(scope)
    if sum(_coming.values()) >= AT_ONCE or _coming[client.name] >= AT_ONCE_OF_CLIENT * client.share:
        metrics.refusals.labels("upload_busy").inc()
        raise Refused(503, "The server is taking other uploads; try again in a moment.", 5)
    if not throttle.allow("upload", client, settings.UPLOADS_PER_HOUR):
        seconds = throttle.until_next_hour()
        raise Refused(429, "Too many files were uploaded from your address this hour; try again later.", seconds)
    _coming[client.name] += 1
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            return await _take(receive, client, kind, length)
    finally:
        _coming[client.name] -= 1
        if not _coming[client.name]:
            del _coming[client.name]


def _check(scope: Mapping[str, Any]) -> tuple[str, int]:
    """The kind and the announced length, 0 without one. Refused where the request is not one for us."""
    admit(scope, "POST", "Send the file with POST.")
    kind = LOG if scope["path"] == LOG_PATH else query_of(scope).get("kind", "")
    if kind not in KINDS:
        raise Refused(400, f"The kind of an upload has to be one of {', '.join(KINDS)}: /api/uploads?kind={KINDS[0]}.")
    announced = headers_of(scope).get("content-length", "")
    length = int(announced) if announced.isdecimal() and len(announced) < 20 else 0
    if length > most_of(kind):
        raise _too_long(kind)
    return kind, length


def _too_long(kind: str) -> Refused:
    return Refused(413, f"{NAMES[kind]} is too long: at most {size(most_of(kind))} are taken.")


async def _take(receive: Receive, client: Client, kind: str, announced: int) -> dict[str, Any]:
    """The body as a file. Refused, TimeoutError, Full, OSError; nothing is left of one that did not come whole."""
    uploads = service().uploads
    await asyncio.to_thread(disk.need)
    coming = await asyncio.to_thread(uploads.begin, client, announced)
    try:
        handle = os.open(uploads.part(coming), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            more = True
            while more:
                async with asyncio.timeout(CHUNK_SECONDS):
                    message = await receive()
                if message["type"] != "http.request":
                    raise Refused(400, "The upload did not arrive whole.")
                body = message.get("body", b"")
                more = message.get("more_body", False)
                if coming.length + len(body) > most_of(kind):
                    raise _too_long(kind)
                if body:
                    await asyncio.to_thread(uploads.write, coming, handle, body)
        finally:
            os.close(handle)
        if announced and coming.length != announced:
            raise Refused(400, "The upload did not arrive whole.")
        if not coming.length:
            raise Refused(400, f"{NAMES[kind]} is empty.")
        name = uploads.keep(coming)
    except BaseException:
        uploads.abandon(coming)
        raise
    return {"id": name, "bytes": coming.length, "kind": kind, "most": most_of(kind), "seconds": WAIT_SECONDS}
