"""Rate limits per client, counted in the cache: per process, or for all processes with REDIS_URL."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.cache import cache

from playground import metrics
from playground.clients import scope_client
from playground.jobs.queue import Client

HOUR = 3600
TOO_MANY = 4029


def allow(what: str, client: Client, most: int, count: int = 1) -> bool:
    """Count so many more of `what` in this hour; False if the client has exceeded `most` for each of its shares."""
    key = f"throttle:{what}:{client.name.replace(' ', ':')}:{int(time.time()) // HOUR}"
    cache.add(key, 0, HOUR)
    try:
        allowed = cache.incr(key, count) <= most * client.share
    except ValueError:  # evicted between add and incr
        return True
    if not allowed:
        metrics.refusals.labels(what).inc()
    return allowed


def until_next_hour() -> int:
    """Seconds until the counts start again: for Retry-After."""
    return HOUR - int(time.time()) % HOUR


class SocketLimit:
    """ASGI middleware that limits the number of open WebSockets per client.

    The count decreases when the inner application ends, however it ends. A WebSocket over the limit is accepted and
    then closed with TOO_MANY, because browsers do not tell scripts why a connection was not accepted.
    """

    def __init__(self, application: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._application = application
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with self.counted(scope_client(scope)) as allowed:
            if not allowed:
                await receive()
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.close", "code": TOO_MANY})
                return
            await self._application(scope, receive, send)

    @contextmanager
    def counted(self, client: Client) -> Iterator[bool]:
        """One more connection of this client; False if there are too many."""
        self._open[client.name] += 1
        metrics.sockets.inc()
        try:
            allowed = self._open[client.name] <= settings.SOCKETS_PER_ADDRESS * client.share
            if not allowed:
                metrics.refusals.labels("sockets").inc()
            yield allowed
        finally:
            metrics.sockets.dec()
            self._open[client.name] -= 1
            if not self._open[client.name]:
                del self._open[client.name]
