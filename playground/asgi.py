"""The application that uvicorn runs: HTTP to Django, sockets to Channels, and the workers' life to its own."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
django = get_asgi_application()  # before what follows: it sets Django up

from playground import bodies, polling, rest, routing, status, uploads  # noqa: E402
from playground.jobs import service  # noqa: E402

log = logging.getLogger("playground")
FIRST_WORKER_SECONDS = 5
LAST_WORKER_SECONDS = 60


http = bodies.bounded(django)
BESIDE = (
    (uploads.PATH, uploads.upload),
    (polling.PATH, polling.poll),
    (rest.PATH, rest.rest),
)
"""What of HTTP does not go to Django."""


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        if scope["path"] in status.PATHS:
            await status.application(scope, send)
            return
        for path, beside in BESIDE:
            if path.fullmatch(scope["path"]):
                await beside(scope, receive, send)
                return
    handlers = {"http": http, "websocket": routing.websocket, "lifespan": lifespan}
    await handlers[scope["type"]](scope, receive, send)


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Workers start with the server and end with it. The examples are walked beside the first requests."""
    warming: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            here = service.service()
            await here.pool.ready(FIRST_WORKER_SECONDS)
            warming = asyncio.create_task(_warm(here))
            gc.collect()
            gc.freeze()  # modules and settings: searching them for cycles would stop all answers for 40 ms each time
            await send({"type": "lifespan.startup.complete"})
        else:
            if warming is not None:
                warming.cancel()
            await service.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _warm(here: service.Service) -> None:
    try:
        await here.pool.ready(LAST_WORKER_SECONDS)
        log.info("workers: %d; %s", here.pool.size, _held(here.pool.about))
        await here.warm()
    except Exception:
        log.exception("the examples could not be walked")


def _held(about: dict[str, Any]) -> str:
    """Which layers hold a worker, in one line."""
    sandbox = about.get("sandbox")
    if not sandbox:
        return "no worker is up yet"
    line = "workers are held by " + (", ".join(sandbox["active"]) or "NOTHING")
    missing = "; ".join(f"{name}: {why}" for name, why in sandbox["missing"])
    return f"{line}; missing: {missing}" if missing else line
