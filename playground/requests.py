"""Checks the structure and sizes of run and share requests. Their content is not interpreted here."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from playground.jobs.limits import SOURCE_BYTES

KINDS = ("c", "asm", "hex", "elf")
SENT_AS = {"c": "C source", "asm": "assembly text", "hex": "hex text", "elf": "object file"}
OPTIONS: Mapping[str, tuple[Any, tuple[Any, ...] | None]] = {
    # name: (default, allowed values or None for checked elsewhere)
    "program": ("", None),
    "opt": ("O2", ("O0", "O1", "O2")),
    "mcpu": ("v3", ("v1", "v2", "v3", "v4")),
    "fix_includes": (False, (False, True)),
    "prog_type": ("xdp", None),
    "verify": (True, (False, True)),
    "unprivileged": (False, (False, True)),
    "engine": ("jit", ("jit", "interpreter")),
}
INPUT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "auto": (),
    "none": (),
    "packet": ("hex", "socket"),
    "form": ("layers", "socket"),
    "pcap": ("base64", "socket"),
    "event": ("name", "values"),
}
NAME_LENGTH = 128
EVENT_VALUES = 128
VALUE_LENGTH = 4096
LIST_LENGTH = 64
# Brackets a message may hold: a source may be all brackets, and everything else of a request is a few. A message
# made of nothing else would take seconds to parse.
OPENED = SOURCE_BYTES + 4096


class BadRequest(Exception):
    """A sentence for the person who sent it; `code` is bad_request or size."""

    def __init__(self, message: str, code: str = "bad_request") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


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
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{what} holds half a character (an unpaired surrogate), which cannot be stored.") from None
    except (ValueError, RecursionError):
        raise BadRequest(f"{what} did not arrive whole: it is not JSON.") from None
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are Python's own


def check_request(value: Any) -> dict[str, Any]:
    """The request with every option filled in, in one spelling: what is run, shared and looked up."""
    if not isinstance(value, dict):
        raise BadRequest("A request has to be an object with kind, source, options and input.")
    _known(value, ("kind", "source", "options", "input"), "The request")
    kind = value.get("kind")
    if kind not in KINDS:
        raise BadRequest(f"The kind of the source has to be one of {', '.join(KINDS)}.")
    return {
        "kind": kind,
        "source": _source(kind, value.get("source")),
        "options": _options(value.get("options", {})),
        "input": _input(value.get("input", {"kind": "auto"})),
    }


def check_title(value: Any) -> str:
    if not isinstance(value, str) or len(value) > NAME_LENGTH:
        raise BadRequest(f"A title has to be text of at most {NAME_LENGTH} characters.")
    _utf8(value, "The title")
    return value


def size(count: int) -> str:
    """65537 -> "65,537 bytes": exact, so that what has and what may have never read the same."""
    return f"{count:,} byte{'' if count == 1 else 's'}"


def too_long(what: str, length: int, most: int, remedy: str = "") -> BadRequest:
    """What has more bytes than are taken."""
    return BadRequest(f"{what} has {size(length)}; at most {size(most)} are taken.{remedy}", "size")


def _known(value: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    for name in value:
        if name not in names:
            raise BadRequest(f"{what} has a field {name[:40]!r} that is not known here.")


def _source(kind: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRequest("The source has to be text.")
    if kind == "elf":
        length = _base64_length(value, "The object file", settings.ELF_BYTES)
        if not length:
            raise BadRequest("The object file is empty.")
        return value
    if not value.strip():
        raise BadRequest(f"There is no source: write or paste some {SENT_AS[kind]} first.")
    length = len(_utf8(value, "The source"))
    if length > settings.SOURCE_BYTES:
        remedy = " Leave out what the program does not need, or compile it yourself and upload the object file."
        raise too_long("The source", length, settings.SOURCE_BYTES, remedy)
    if "\0" in value:
        raise BadRequest("The source contains a NUL character: it is not a text file.")
    return value


def _utf8(value: str, what: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{what} holds half a character (an unpaired surrogate), which cannot be stored.") from None


def _base64_length(value: Any, what: str, most: int) -> int:
    if not isinstance(value, str):
        raise BadRequest(f"{what} has to be sent as base64 text.")
    length = len(value) * 3 // 4 - value[-2:].count("=")
    if length > most:
        raise too_long(what, length, most)
    try:
        return len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise BadRequest(f"{what} did not arrive whole: it is not base64 text.") from None


def _options(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest("The options have to be an object.")
    _known(value, tuple(OPTIONS), "The options")
    result = {}
    for name, (default, allowed) in OPTIONS.items():
        chosen = value.get(name, default)
        if allowed is None:
            if not isinstance(chosen, str) or len(chosen) > NAME_LENGTH:
                raise BadRequest(f"The option {name} has to be text of at most {NAME_LENGTH} characters.")
            _utf8(chosen, f"The option {name}")
        elif type(chosen) is not type(default) or chosen not in allowed:
            said = ", ".join("yes" if word is True else "no" if word is False else str(word) for word in allowed)
            raise BadRequest(f"The option {name} has to be one of: {said}.")
        result[name] = chosen
    return result


def _input(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str) or value["kind"] not in INPUT_FIELDS:
        raise BadRequest(f"The input has to be an object whose kind is one of {', '.join(INPUT_FIELDS)}.")
    kind = value["kind"]
    _known(value, ("kind", *INPUT_FIELDS[kind]), f"The {kind} input")
    if kind == "packet":
        return {"kind": kind, "hex": _packet(value.get("hex")), **_socket(value)}
    if kind == "form":
        return {"kind": kind, "layers": _layers(value.get("layers", {})), **_socket(value)}
    if kind == "pcap":
        _base64_length(value.get("base64"), "The capture", settings.PCAP_BYTES)
        return {"kind": kind, "base64": value["base64"], **_socket(value)}
    if kind == "event":
        return {"kind": kind, "name": _name(value.get("name", "")), "values": _values(value.get("values", {}))}
    return {"kind": kind}


def _socket(value: dict[str, Any]) -> dict[str, str]:
    """The socket a packet arrives at, if it is said; which ones there are is the worker's to know."""
    return {"socket": _name(value["socket"], "socket")} if "socket" in value else {}


def _packet(value: Any) -> str:
    if not isinstance(value, str):
        raise BadRequest("The packet has to be hex text.")
    digits = "".join(value.split())
    odd = next((char for char in digits if char not in "0123456789abcdefABCDEF"), None)
    if odd is not None:
        raise BadRequest(f"The packet holds {odd!r}, which is not a hex digit.")
    if len(digits) % 2:
        raise BadRequest("The packet has an odd number of hex digits: a byte is two.")
    if len(digits) // 2 > settings.PACKET_BYTES:
        raise too_long("The packet", len(digits) // 2, settings.PACKET_BYTES)
    return digits.lower()


def _layers(value: Any) -> dict[str, dict[str, str | int]]:
    """Shape and size alone: which layers and fields there are is said where the packet is built."""
    if not isinstance(value, dict) or len(value) > 16:
        raise BadRequest("A packet's layers have to be an object of layers by name.")
    most = settings.PACKET_BYTES * 2
    for layer, fields in value.items():
        _utf8(layer, "The packet's form")
        if not isinstance(fields, dict) or len(fields) > 32 or len(layer) > NAME_LENGTH:
            raise BadRequest(f"The layer {layer[:40]} of a packet has to be an object of fields by name.")
        for name, item in fields.items():
            _utf8(name, "The packet's form")
            if len(name) > NAME_LENGTH or isinstance(item, bool) or not isinstance(item, (str, int)):
                raise BadRequest(f"The fields of the layer {layer} have to be text or whole numbers.")
            if isinstance(item, str) and len(item) > most:
                raise too_long(f"The field {name} of the layer {layer}", len(item), most)
            if isinstance(item, int) and not -(1 << 63) <= item < 1 << 64:
                raise BadRequest(f"The field {name} of the layer {layer} does not fit 64 bits.")
            if isinstance(item, str):
                _utf8(item, "The packet's form")
    return {layer: dict(fields) for layer, fields in value.items()}


def _name(value: Any, what: str = "event") -> str:
    if not isinstance(value, str) or len(value) > NAME_LENGTH:
        raise BadRequest(f"The {what}'s name has to be text of at most {NAME_LENGTH} characters.")
    _utf8(value, f"The {what}'s name")
    return value


def _values(value: Any) -> dict[str, Any]:
    """Shape and size alone: a value is text, a whole number, a list of texts, or {"hex": text}."""
    if not isinstance(value, dict) or len(value) > EVENT_VALUES:
        raise BadRequest(f"The event's values have to be an object of at most {EVENT_VALUES} names.")
    for name, item in value.items():
        _utf8(name, "The event")
        parts = _parts(item)
        if len(name) > NAME_LENGTH or parts is None:
            raise BadRequest(
                "Each value of an event has to be text, a whole number, a list of texts or bytes in hex, "
                "under a short name."
            )
        if sum(len(part) for part in parts if isinstance(part, str)) > VALUE_LENGTH:
            raise BadRequest(f"The event's value {name} is longer than {VALUE_LENGTH} characters.", "size")
        for part in parts:
            if isinstance(part, str):
                _utf8(part, "The event")
            elif not -(1 << 63) <= part < 1 << 64:
                raise BadRequest(f"The event's value {name} does not fit 64 bits.")
    return dict(value)


def _parts(item: Any) -> list[str | int] | None:
    """The texts and numbers a value of an event is made of; None if it has another shape."""
    if isinstance(item, dict) and set(item) == {"hex"} and isinstance(item["hex"], str):
        return [item["hex"]]
    if isinstance(item, list) and len(item) <= LIST_LENGTH and all(isinstance(each, str) for each in item):
        return list(item)
    return [item] if isinstance(item, (str, int)) and not isinstance(item, bool) else None
