"""Rate limits per client address, counted in the cache: per process, or for all processes with REDIS_URL."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

HOUR = 3600
TOO_MANY = 4029


def allow(what: str, request: HttpRequest, most: int) -> bool:
    """Count one more of `what` in this hour; False if the address has exceeded `most`."""
    return allow_network(what, client_network(request), most)


def allow_network(what: str, network: str, most: int) -> bool:
    """The same for a network."""
    key = f"throttle:{what}:{network}:{int(time.time()) // HOUR}"
    cache.add(key, 0, HOUR)
    try:
        return cache.incr(key) <= most
    except ValueError:  # evicted between add and incr
        return True


def client_network(request: HttpRequest) -> str:
    """The network an HTTP request came from."""
    return _network(str(request.META.get("REMOTE_ADDR", "")), str(request.META.get("HTTP_X_FORWARDED_FOR", "")))


def socket_network(scope: Mapping[str, Any]) -> str:
    """The network a socket came from, by its ASGI scope."""
    forwarded = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"x-forwarded-for"]
    return _network((scope.get("client") or ("", 0))[0], ",".join(forwarded))


def _network(peer: str, forwarded: str) -> str:
    """The network by which clients are grouped: an IPv4 address, or the /64 of an IPv6 address.

    Behind TRUSTED_PROXIES proxies it is the address that the outermost proxy saw; entries before it in
    X-Forwarded-For may have been forged by the client.
    """
    hops = [part.strip() for part in forwarded.split(",") if part.strip()]
    if settings.TRUSTED_PROXIES and len(hops) >= settings.TRUSTED_PROXIES:
        peer = hops[-settings.TRUSTED_PROXIES]
    try:
        parsed = ipaddress.ip_address(peer)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class SocketLimit:
    """ASGI middleware that limits the number of open WebSockets per client address.

    The count decreases when the inner application ends, however it ends. A WebSocket over the limit is accepted and
    then closed with TOO_MANY, because browsers do not tell scripts why a connection was not accepted.
    """

    def __init__(self, application: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._application = application
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        network = socket_network(scope)
        self._open[network] += 1
        try:
            if self._open[network] > settings.SOCKETS_PER_ADDRESS:
                await receive()
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.close", "code": TOO_MANY})
                return
            await self._application(scope, receive, send)
        finally:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]
