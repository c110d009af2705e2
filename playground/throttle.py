"""How often one address may do a thing. Counted in the cache: one process, or all of them with REDIS_URL."""

from __future__ import annotations

import ipaddress
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

HOUR = 3600


def allow(what: str, request: HttpRequest, most: int) -> bool:
    """Count one more of `what` this hour; False when the address had its `most`."""
    key = f"throttle:{what}:{client_network(request)}:{int(time.time()) // HOUR}"
    cache.add(key, 0, HOUR)
    try:
        return cache.incr(key) <= most
    except ValueError:  # dropped between add and incr
        return True


def client_network(request: HttpRequest) -> str:
    """The address that asked; an IPv6 network of 64 bits is one household."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = [part.strip() for part in str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",") if part.strip()]
    if settings.TRUSTED_PROXIES and len(forwarded) >= settings.TRUSTED_PROXIES:
        address = forwarded[-settings.TRUSTED_PROXIES]
    return network_of(address)


def network_of(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
