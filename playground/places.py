"""The texts of a request that may be uploaded instead: where they stand, how they spell bytes, how long they may be.

A request names an upload beside the field whose text it replaces, and leaves that field empty (docs/protocol.md).
The web process, the worker and the Python client all take the table of places from here.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from playground.config import limits

Message = dict[str, Any]
SOURCE, OBJECT, LOG, HEADER = "source", "object", "log", "header"
CAPTURE, RECORDING, PACKET, INPUT = "capture", "recording", "packet", "input"
MOST: Final[Mapping[str, int]] = {
    SOURCE: limits.SOURCE_BYTES,
    HEADER: limits.FILES_BYTES,
    OBJECT: limits.OBJECT_BYTES,
    CAPTURE: limits.CAPTURE_BYTES,
    RECORDING: limits.RECORDING_BYTES,
    PACKET: limits.PACKET_BYTES,
    INPUT: limits.INPUT_BYTES,
}
"""Largest number of bytes of an upload by its kind; of a log it is the setting UPLOAD_MB."""
KINDS: Final = (*MOST, LOG)
NAMES: Final[Mapping[str, str]] = {
    SOURCE: "The source",
    HEADER: "The file",
    OBJECT: "The object file",
    CAPTURE: "The capture",
    RECORDING: "The recording",
    PACKET: "The packet",
    INPUT: "The input",
    LOG: "The log",
}
"""The subject of sentences about an upload of each kind."""
FOLDED: Final = 32 << 10
"""Characters of a text from which on a stored answer is found by the text's id: whether it was uploaded or not."""


class Coding(NamedTuple):
    """How a field of a request spells bytes. Both raise ValueError."""

    decode: Callable[[str], bytes]
    encode: Callable[[bytes], str]


TEXT: Final = Coding(str.encode, bytes.decode)
BASE64: Final = Coding(lambda text: base64.b64decode(text, validate=True), lambda data: base64.b64encode(data).decode())
HEX: Final = Coding(bytes.fromhex, bytes.hex)
SOURCES: Final[Mapping[str, tuple[str, Coding]]] = {
    "c": (SOURCE, TEXT),
    "asm": (SOURCE, TEXT),
    "hex": (SOURCE, TEXT),
    "listing": (SOURCE, TEXT),
    "elf": (OBJECT, BASE64),
    "log": (LOG, TEXT),
}
"""Kind of a source -> kind of its upload, and coding of its text."""
INPUTS: Final[Mapping[str, tuple[str, str, Coding]]] = {
    "packet": ("hex", PACKET, HEX),
    "pcap": ("base64", CAPTURE, BASE64),
    "recording": ("base64", RECORDING, BASE64),
    "given": ("json", INPUT, TEXT),
}
"""Kind of an input -> its field, the kind of its upload, and the coding of the field."""


class Place(NamedTuple):
    """A text of a request.

    holder -- the object with its field `field`; the id of its upload is the object's `upload`
    kind   -- of its upload; of a HEADER, holder is the request, and field the name in its `files` or `uploads`
    """

    holder: Message
    field: str
    kind: str
    coding: Coding

    @property
    def upload(self) -> str:
        """The id of the upload that replaces the text; "" without one."""
        if self.kind == HEADER:
            return str(self.holder.get("uploads", {}).get(self.field, ""))
        return str(self.holder.get("upload") or "")

    @property
    def text(self) -> str:
        texts = self.holder.get("files", {}) if self.kind == HEADER else self.holder
        return str(texts.get(self.field) or "")

    def name(self, upload: str) -> None:
        """Replace the text by an upload."""
        if self.kind == HEADER:
            _move(self.holder, "files", "uploads", self.field, upload)
        else:
            self.holder[self.field], self.holder["upload"] = "", upload

    def fill(self, data: bytes) -> None:
        """Replace the upload by its content. ValueError if a text is not UTF-8."""
        text = self.coding.encode(data)
        if self.kind == HEADER:
            _move(self.holder, "uploads", "files", self.field, text)
        else:
            self.holder[self.field] = text
            self.holder.pop("upload", None)


def _move(request: Message, start: str, end: str, name: str, value: str) -> None:
    """Put a file of a request from one object of files into the other."""
    request.setdefault(end, {})[name] = value
    request[start].pop(name, None)
    if not request[start]:
        del request[start]


def requests_of(question: Message) -> Iterator[Message]:
    """The requests in what a worker gets: itself, or that of a question about a program, and those beside it."""
    if "source" in question:
        yield question
        return
    for value in question.values():
        if isinstance(value, dict) and "source" in value and "kind" in value:
            yield value


def places(question: Message) -> Iterator[Place]:
    """The texts of the checked requests in `question` that may be uploads, or are."""
    for request in requests_of(question):
        yield from _of_request(request)


def _of_request(request: Message) -> Iterator[Place]:
    for holder in (request, request.get("beside")):
        if isinstance(holder, dict) and holder.get("kind") in SOURCES:
            yield Place(holder, "source", *SOURCES[holder["kind"]])
    given = request.get("input")
    if isinstance(given, dict) and given.get("kind") in INPUTS:
        yield Place(given, *INPUTS[given["kind"]])
    for name in sorted({*request.get("files", {}), *request.get("uploads", {})}):
        yield Place(request, name, HEADER, TEXT)


def uploads_of(question: Message) -> dict[str, str]:
    """The ids of all uploads that a checked request or question names, with their kinds."""
    return {place.upload: place.kind for place in places(question) if place.upload}


def folded(question: Message, id_of: Callable[[bytes], str], most: int = FOLDED) -> tuple[Message, dict[str, Place]]:
    """A copy in which every text of more than `most` characters is replaced by an id, and the replaced texts by id.

    A text that is not spelled right stays where it is.
    """
    if not any(len(place.text) > most for place in places(question)):
        return question, {}
    copied, replaced = copy.deepcopy(question), {}
    for place, original in zip(list(places(copied)), list(places(question)), strict=True):
        if len(place.text) <= most:
            continue
        try:
            name = id_of(place.coding.decode(place.text))
        except ValueError:  # binascii.Error is one
            continue
        place.name(name)
        replaced[name] = original
    return copied, replaced
