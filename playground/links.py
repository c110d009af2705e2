"""Share links: named by their content under the server's key, written once, checked at every read.

The body is canonical JSON, so the same program has the same link. The name is an HMAC, not a plain hash:
nobody can ask "was this very program shared?" without the key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from playground.models import Link

SCHEMA = 1
VIEW_SCHEMA = 2
"""Of a link that stores a view beside the program; without one the schema, and so the link, is that of version 1."""
ID_LENGTH = 16
# RFC 4648's base32 has neither 0 nor 1; its lower case o and l are given to 8 and 9, which it does not use.
_ALPHABET = str.maketrans("ol", "89")
ID_PATTERN = "[a-kmnp-z2-9]{16}"


class BrokenLink(Exception):
    """A stored body is not what its digest says: the database was tampered with or damaged."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A link as it was found or made."""

    link: Link
    new: bool


def canonical(value: Any) -> str:
    """JSON with one spelling for one value: sorted keys, no blanks, text as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def link_id(body: str) -> str:
    mac = hmac.new(settings.LINK_KEY.encode(), body.encode(), hashlib.sha256).digest()
    return base64.b32encode(mac).decode().lower().translate(_ALPHABET)[:ID_LENGTH]


def save(request: Mapping[str, Any], title: str, toolchain: str, view: Mapping[str, Any] | None = None) -> Saved:
    """Store a checked request (playground.requests) and return its link; the known one when it was shared before.

    view -- a checked view (playground.messages.view), None for what a page shows by itself
    """
    schema = SCHEMA if view is None else VIEW_SCHEMA
    content: dict[str, Any] = {"schema": schema, "request": request, "title": title}
    if view is not None:
        content["view"] = view
    body = canonical(content)
    name = link_id(body)
    digest = hashlib.sha256(body.encode()).hexdigest()
    known = Link.objects.filter(pk=name).first()
    if known is None:
        try:
            with transaction.atomic():
                link = Link.objects.create(id=name, digest=digest, schema=schema, body=body, toolchain=toolchain[:200])
            return Saved(link, True)
        except IntegrityError:  # someone shared the same program in this very moment
            known = Link.objects.get(pk=name)
    if known.digest != digest:
        raise BrokenLink(f"two different programs have the link {name}")
    return Saved(known, False)


def content(link: Link) -> dict[str, Any]:
    """{"request", "title", "view"} of a stored link, from any schema ever written. BrokenLink when it was altered."""
    if hashlib.sha256(link.body.encode()).hexdigest() != link.digest:
        raise BrokenLink(f"the link {link.pk} does not hold what was stored")
    stored = json.loads(link.body)
    reader = READERS.get(stored.get("schema"))
    if reader is None:
        raise BrokenLink(f"the link {link.pk} has schema {stored.get('schema')!r}, which nothing here reads")
    return reader(stored)


def _read_1(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {"request": stored["request"], "title": stored["title"], "view": None}


def _read_2(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {"request": stored["request"], "title": stored["title"], "view": stored["view"]}


READERS = {1: _read_1, 2: _read_2}
