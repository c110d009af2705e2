"""Converts a request's `input` to inputs of the runner, and a program's default input to a message."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from vm.errors import InputError
from vm.program import Program
from vm.runner import given as given_inputs
from vm.runner import packets
from vm.runner.defaults import default_input, event_fields
from vm.runner.inputs import EventInput, NoInput, PacketInput, RunInput
from vm.runner.sockets import DEFAULT, known_socket

AUTO: Final = "auto"
GIVEN: Final = "given"
RECORDING: Final = "recording"
MAX_TEXTS: Final = 64


def run_inputs(given: Mapping[str, Any] | None, program: Program) -> list[RunInput]:
    """The request's `input` for a program: several for a capture, the program's default input for "auto" or None.

    InputError for a damaged input; the runner refuses an input that does not fit the program's type.
    """
    kind = (given or {}).get("kind", AUTO)
    if given is None or kind == AUTO:
        return [default_input(program)]
    return _KINDS[kind](given) if kind in _KINDS else [NoInput()]


def _socket(given: Mapping[str, Any]) -> str:
    return known_socket(given.get("socket", DEFAULT))


def _packet(given: Mapping[str, Any]) -> list[RunInput]:
    return [PacketInput(packets.from_hex(given.get("hex", "")), socket=_socket(given))]


def _form(given: Mapping[str, Any]) -> list[RunInput]:
    return [PacketInput(packets.from_form(given.get("layers") or {}), socket=_socket(given))]


def _pcap(given: Mapping[str, Any]) -> list[RunInput]:
    data = from_base64(given.get("base64", ""), "The capture")
    return [PacketInput(packet, socket=_socket(given)) for packet in packets.from_pcap(data)]


def _event(given: Mapping[str, Any]) -> list[RunInput]:
    values = {str(name): event_value(str(name), value) for name, value in (given.get("values") or {}).items()}
    return [EventInput(str(given.get("name", "")), values)]


def _given(given: Mapping[str, Any]) -> list[RunInput]:
    return [given_inputs.parse(str(given.get("json", "")))]


_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], list[RunInput]]]] = {
    "packet": _packet, "form": _form, "pcap": _pcap, "event": _event, GIVEN: _given,
}  # fmt: skip


def event_value(name: str, value: Any) -> int | str | bytes | tuple[str, ...]:
    """A value of an event from JSON: a number, text, {"hex": bytes}, or a list of texts."""
    if isinstance(value, (int, str)):
        return value
    if isinstance(value, list) and len(value) <= MAX_TEXTS and all(isinstance(each, str) for each in value):
        return tuple(value)
    if isinstance(value, dict) and set(value) == {"hex"} and isinstance(value["hex"], str):
        try:
            return bytes.fromhex(value["hex"])
        except ValueError:
            raise InputError(f"The event's value {name!r}: its bytes are not written in hex.") from None
    raise InputError(
        f"The event's value {name!r} has to be a number, text, "
        f'a list of at most {MAX_TEXTS} texts, or {{"hex": bytes}}.'
    )


def value_json(value: int | str | bytes | tuple[str, ...]) -> Any:
    """An event's value in the form that event_value() takes."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return list(value) if isinstance(value, tuple) else value


def input_json(program: Program) -> dict[str, Any]:
    """The `input` of a `load` message: the program's default input (docs/protocol.md)."""
    chosen = default_input(program)
    if isinstance(chosen, PacketInput):
        return {"kind": "packet", "hook": program.section, "hex": chosen.data.hex()}
    if isinstance(chosen, EventInput):
        return {
            "kind": "event",
            "hook": program.section,
            "name": chosen.name,
            "values": {name: value_json(value) for name, value in chosen.values.items()},
            "fields": [
                {"name": field.name, "type": field.type, "value": value_json(field.value)}
                for field in event_fields(program)
            ],
        }
    return {"kind": "none", "hook": program.section}


def from_base64(text: str, what: str) -> bytes:
    """The bytes of a base64 text; InputError if it is invalid."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{what} is damaged: it is no base64.") from None
