"""Messages that are too long for the server: their longest texts are uploaded first (docs/web.md, "Uploads")."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Message = dict[str, Any]
Upload = Callable[[str, bytes], str]
"""Upload bytes of a kind: their id."""
SOURCES: Final[Mapping[str, str]] = {
    "c": "source",
    "asm": "source",
    "hex": "source",
    "listing": "source",
    "elf": "object",
    "log": "log",
}
"""Kind of a source -> kind of its upload."""
INPUTS: Final[Mapping[str, tuple[str, str]]] = {
    "packet": ("hex", "packet"),
    "pcap": ("base64", "capture"),
    "recording": ("base64", "recording"),
    "given": ("json", "input"),
}
"""Kind of an input -> its field, and the kind of its upload."""
HEADER: Final = "header"
DECODE: Final[Mapping[str, Callable[[str], bytes]]] = {
    "object": base64.b64decode, "capture": base64.b64decode, "recording": base64.b64decode, "packet": bytes.fromhex,
}  # fmt: skip
"""Kind of an upload -> what makes bytes of the text in a message; other texts are UTF-8."""


def length(message: Message) -> int:
    """Bytes of a message as it is sent."""
    return len(json.dumps(message))


def fitted(message: Message, most: int, upload: Upload) -> Message:
    """The message, or one of at most `most` bytes that names uploads, if that is possible."""
    if length(message) <= most:
        return message
    message = copy.deepcopy(message)
    texts = sorted(_texts(message), key=lambda found: len(found[2]), reverse=True)
    for holder, field, text, kind in texts:
        name = upload(kind, DECODE.get(kind, str.encode)(text))
        if kind == HEADER:
            del holder["files"][field]
            holder.setdefault("uploads", {})[field] = name
        else:
            holder[field], holder["upload"] = "", name
        if length(message) <= most:
            break
    return message


def _texts(message: Message) -> Iterator[tuple[Message, str, str, str]]:
    """The texts that may be uploaded: object, field, text, kind of the upload."""
    for request in (message.get("request"), message.get("other")):
        if not isinstance(request, dict):
            continue
        for holder in (request, request.get("beside")):
            if isinstance(holder, dict) and holder.get("source"):
                yield holder, "source", holder["source"], SOURCES[holder["kind"]]
        given = request.get("input") or {}
        if given.get("kind") in INPUTS:
            field, kind = INPUTS[given["kind"]]
            if given.get(field):
                yield given, field, given[field], kind
        for name, text in (request.get("files") or {}).items():
            yield request, name, text, HEADER
