"""Checks run and share requests: the schema decides their structure (playground.messages), this module their sizes.

Their content is not interpreted here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, Final, cast

import msgspec
from django.conf import settings
from msgspec import UNSET, UnsetType

from playground.config.limits import FILES_BYTES, INPUT_BYTES, SOURCE_BYTES
from playground.messages import asked
from playground.messages.base import NAME_LENGTH, Wire
from playground.messages.check import WrongValue, checked
from playground.messages.programs import (
    MAX_FILES,
    EventInput,
    FormInput,
    GivenInput,
    PacketInput,
    PcapInput,
    RecordedInput,
    Request,
)
from playground.messages.questions import Analysis
from playground.messages.view import View

SENT_AS = {
    "c": "C source", "asm": "assembly text", "hex": "hex text", "elf": "object file", "listing": "listing",
    "log": "log",
}  # fmt: skip
REMEDIES: Final = (
    " Leave out what the program does not need, or compile it yourself and upload the object file.",
    " Drop it as a file instead.",
)
"""For a source, and for a log, that is too long."""
FILES_REMEDY: Final = " Leave out those that the source does not include."
TAKEN: Final = frozenset({"program.c", "added.h", "vmlinux.h"})
"""Names that the source itself, what is added to it, and the header with the kernel's types have."""
WITH_FILES: Final[Mapping[str, Set[str]]] = {"c": TAKEN, "elf": frozenset()}
"""Kinds of sources that have files beside them, and names that these cannot have."""
VALUE_LENGTH = 4096
# Brackets a message may hold: a source may be all brackets, and everything else of a request is a few. A message
# made of nothing else would take seconds to parse.
OPENED = SOURCE_BYTES + FILES_BYTES + 4096
BadRequest = WrongValue
"""A sentence for the person who sent it; its code is bad_request, size or another of the `error` message's."""


def parse(text: str | bytes, what: str) -> Any:
    """The value that JSON text from outside stands for; BadRequest when it is none, or holds what is not text.

    JSON can spell half a character ("\\ud800"). Python's parser takes it, and it can be neither sent nor stored.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        if text.count("[") + text.count("{") > OPENED:
            raise BadRequest(f"{what} is too long: a source may have {size(settings.SOURCE_BYTES)}.", "size")
        value = json.loads(text, parse_constant=_no_constant)
        if "\\ud" in text or "\\uD" in text or not text.isascii():
            _whole(value, what)
    except UnicodeDecodeError:
        raise BadRequest(f"{what} did not arrive whole: it is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise BadRequest(f"{what} did not arrive whole: it is not JSON.") from None
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are Python's own


def read_message(value: Any) -> Wire:
    """A client's message. What a `run` asks has its shape; check_request() says whether its sizes are allowed."""
    if not isinstance(value, dict):
        raise BadRequest("A message has to be an object with a type.")
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in asked.TYPES:
        raise BadRequest(f"A message's type has to be one of {', '.join(asked.TYPES)}.")
    return checked(value, asked.TYPES[kind], f"The message {kind}")


def check_request(value: Any) -> dict[str, Any]:
    """The request with every option filled in, in one spelling: what is run, shared and looked up."""
    if not isinstance(value, Request):
        _whole(value, "The request")
        value = checked(value, Request, "The request")
    request = cast(dict[str, Any], msgspec.to_builtins(value))
    _source(value.kind, value.source, value.upload)
    if value.beside is not UNSET:
        if value.kind != "log":
            raise BadRequest("Only a log has a source beside it.")
        _source(value.beside.kind, value.beside.source, value.beside.upload)
    files = {} if value.files is UNSET else value.files
    uploads = {} if value.uploads is UNSET else value.uploads
    if (value.files is not UNSET or value.uploads is not UNSET) and value.kind not in WITH_FILES:
        raise BadRequest("Only a C source and an object have files beside them.")
    _files(files, uploads, WITH_FILES[value.kind] if files or uploads else frozenset())
    for name, given in (("files", files), ("uploads", uploads)):
        if not given:
            request.pop(name, None)
    rule = INPUT_RULES.get(type(value.input))
    if rule is not None:
        rule(value.input, request["input"])
    return request


def check_question(value: Analysis) -> dict[str, Any]:
    """What a question about a program says beside its request: every field of it, requests checked."""
    fields = msgspec.to_builtins(value)
    return {
        name: check_request(given) if isinstance(given := getattr(value, name), Request) else told
        for name, told in fields.items()
        if name not in ("type", "request")
    }


def check_title(value: Any) -> str:
    """A link's title."""
    if not isinstance(value, str) or len(value) > NAME_LENGTH:
        raise BadRequest(f"A title has to be text of at most {NAME_LENGTH} characters.")
    _whole(value, "The title")
    return value


def check_view(value: Any) -> dict[str, Any]:
    """What a link stores of the page: without what is the default, so that one view has one spelling."""
    _whole(value, "The view")
    view = cast(dict[str, Any], msgspec.to_builtins(checked(value, View, "The view")))
    plain = msgspec.to_builtins(View())
    return {name: item for name, item in view.items() if name not in plain or plain[name] != item}


def size(count: int) -> str:
    """65537 -> "65,537 bytes": exact, so that what has and what may have never read the same."""
    return f"{count:,} byte{'' if count == 1 else 's'}"


def too_long(what: str, length: int, most: int, remedy: str = "") -> BadRequest:
    """What has more bytes than are taken."""
    return BadRequest(f"{what} has {size(length)}; at most {size(most)} are taken.{remedy}", "size")


def _whole(value: Any, what: str) -> None:
    """BadRequest where text in it, names included, has an unpaired surrogate."""
    for text in _texts(value):
        if not text.isascii():
            _utf8(text, what)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, without recursion: it may be nested as deep as the parser takes."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)


def _utf8(value: str, what: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{what} holds half a character (an unpaired surrogate), which cannot be stored.") from None


def _uploaded(upload: str | UnsetType, text: str, what: str) -> bool:
    """Whether an upload takes the place of a text. BadRequest if both are there."""
    if upload is UNSET:
        return False
    if text:
        raise BadRequest(f"{what} was uploaded, and has no text beside it.")
    return True


def _source(kind: str, value: str, upload: str | UnsetType = UNSET) -> None:
    if _uploaded(upload, value, "The log" if kind == "log" else "The source"):
        return
    if kind == "elf":
        if not _base64_length(value, "The object file", settings.ELF_BYTES):
            raise BadRequest("The object file is empty.")
        return
    if not value.strip():
        raise BadRequest(f"There is no source: write or paste some {SENT_AS[kind]} first.")
    what, most = ("The log", settings.LOG_BYTES) if kind == "log" else ("The source", settings.SOURCE_BYTES)
    length = len(_utf8(value, what))
    if length > most:
        raise too_long(what, length, most, REMEDIES[kind == "log"])
    if "\0" in value:
        raise BadRequest(f"{what} contains a NUL character: it is not a text file.")


def _files(files: Mapping[str, str], uploads: Mapping[str, str], taken: Set[str]) -> None:
    """The files beside a source: names that can stand in one folder, none of them taken, and not too much text."""
    names = [*files, *uploads]
    if len(names) > MAX_FILES:
        raise BadRequest(f"The files have to be at most {MAX_FILES}, uploaded ones included.")
    for name in names:
        if name in taken or names.count(name) > 1:
            raise BadRequest(f"No file beside the source can be called {name}: there is one of that name already.")
        above = next((each for each in names if name.startswith(f"{each}/")), None)
        if above is not None:
            raise BadRequest(f"{above} is a file, and {name} needs a folder of that name.")
    total = 0
    for name, text in files.items():
        if "\0" in text:
            raise BadRequest(f"The file {name} contains a NUL character: it is not a text file.")
        total += len(_utf8(text, f"The file {name}"))
    if total > settings.FILES_BYTES:
        raise too_long("The text of all files beside the source", total, settings.FILES_BYTES, FILES_REMEDY)


def _base64_length(value: str, what: str, most: int) -> int:
    length = len(value) * 3 // 4 - value[-2:].count("=")
    if length > most:
        raise too_long(what, length, most)
    try:
        return len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise BadRequest(f"{what} did not arrive whole: it is not base64 text.") from None


def _packet(given: PacketInput, request: dict[str, Any]) -> None:
    """A packet's hex digits, which the request then holds in one spelling."""
    if _uploaded(given.upload, given.hex, "The packet"):
        return
    digits = "".join(given.hex.split())
    odd = next((char for char in digits if char not in "0123456789abcdefABCDEF"), None)
    if odd is not None:
        raise BadRequest(f"The packet holds {odd!r}, which is not a hex digit.")
    if len(digits) % 2:
        raise BadRequest("The packet has an odd number of hex digits: a byte is two.")
    if len(digits) // 2 > settings.PACKET_BYTES:
        raise too_long("The packet", len(digits) // 2, settings.PACKET_BYTES)
    request["hex"] = digits.lower()


def _form(given: FormInput, request: dict[str, Any]) -> None:
    """Sizes alone: which layers and fields there are is said where the packet is built."""
    most = settings.PACKET_BYTES * 2
    for layer, fields in given.layers.items():
        for name, item in fields.items():
            if isinstance(item, str) and len(item) > most:
                raise too_long(f"The field {name!r} of the layer {layer!r}", len(item), most)
            if isinstance(item, int) and not fits_64_bits(item):
                raise BadRequest(f"The field {name!r} of the layer {layer!r} does not fit 64 bits.")


def _pcap(given: PcapInput, request: dict[str, Any]) -> None:
    if not _uploaded(given.upload, given.base64, "The capture"):
        _base64_length(given.base64, "The capture", settings.PCAP_BYTES)


def _recording(given: RecordedInput, request: dict[str, Any]) -> None:
    if not _uploaded(given.upload, given.base64, "The recording"):
        _base64_length(given.base64, "The recording", settings.RECORDING_BYTES)


def _event(given: EventInput, request: dict[str, Any]) -> None:
    for name, value in given.values.items():
        if isinstance(value, int):
            if not fits_64_bits(value):
                raise BadRequest(f"The event's value {name!r} does not fit 64 bits.")
        elif sum(map(len, _texts(request["values"][name]))) > VALUE_LENGTH:
            raise BadRequest(f"The event's value {name!r} is longer than {VALUE_LENGTH} characters.", "size")


def _given(given: GivenInput, request: dict[str, Any]) -> None:
    if not _uploaded(given.upload, given.json, "The input") and len(given.json) > INPUT_BYTES:
        raise too_long("The input", len(given.json), INPUT_BYTES)


def fits_64_bits(value: int) -> bool:
    """Whether a number is a signed or an unsigned 64-bit one."""
    return -(1 << 63) <= value < 1 << 64


INPUT_RULES: Final[Mapping[type[Wire], Callable[[Any, dict[str, Any]], None]]] = {
    PacketInput: _packet,
    FormInput: _form,
    PcapInput: _pcap,
    RecordedInput: _recording,
    EventInput: _event,
    GivenInput: _given,
}
"""What the schema does not say of an input: its sizes and spellings."""
