"""Who a request comes from: a network address, or the holders of a class token.

What one client may have of the server (sockets, waiting and started runs, links, uploads) is limited. A classroom
behind one address would share one address' part; its teacher can be given a token (`manage.py class_token`), whose
address `/class/TOKEN` sets a cookie. Everybody with that cookie is one client, with as many parts as the token says.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, parse_cookie

from playground.jobs.queue import Client

COOKIE: Final = "bpfscope_class"
MOST_SHARE: Final = 1000
_SALT: Final = "playground.class"


class ClassToken(NamedTuple):
    """name -- of the class; share -- how many times one address' part; until -- Unix time at which it ends."""

    name: str
    share: int
    until: int

    def text(self) -> str:
        """The token as it is handed out: signed, not secret."""
        return signing.dumps(list(self), salt=_SALT)


def class_token(text: str) -> ClassToken | None:
    """What a token stands for; None for one that was not made here, or is over."""
    try:
        name, share, until = signing.loads(text, salt=_SALT) if len(text) < 512 else ("", 0, 0)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    found = ClassToken(name, share, until)
    return found if found.until > time.time() else None


def request_client(request: HttpRequest) -> Client:
    """The client of an HTTP request."""
    token = request.COOKIES.get(COOKIE, "")
    return _client(token, str(request.META.get("REMOTE_ADDR", "")), str(request.META.get("HTTP_X_FORWARDED_FOR", "")))


def scope_client(scope: Mapping[str, Any]) -> Client:
    """The client of an ASGI scope: a socket, or a request that Django does not see."""
    headers = [(name, value.decode("latin-1")) for name, value in scope.get("headers", ())]
    cookies = parse_cookie("; ".join(value for name, value in headers if name == b"cookie"))
    forwarded = ",".join(value for name, value in headers if name == b"x-forwarded-for")
    return _client(cookies.get(COOKIE, ""), (scope.get("client") or ("", 0))[0], forwarded)


def _client(token: str, peer: str, forwarded: str) -> Client:
    found = class_token(token) if token else None
    return Client(f"class {found.name}", found.share) if found is not None else Client(network(peer, forwarded))


def network(peer: str, forwarded: str) -> str:
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
