"""What a run is given, from the options of the command line."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Final

from vm.cli.sources import is_hex, read_packet
from vm.errors import InputError

if TYPE_CHECKING:
    from vm.runner.inputs import RunInput

IN_THE_INTERPRETER: Final = "--input runs in the interpreter: the machine does not check each access."


def run_inputs(options: Namespace) -> list[RunInput] | None:
    """--packet, --event or --memory as inputs; several for a pcap. None without them: each program's default input."""
    from vm.runner import inputs as i
    from vm.runner import packets

    if options.input is not None:
        return [given_input(options.input)]
    if options.memory is not None:
        return [i.MemoryInput(packets.from_hex(options.memory, minimum=0))]
    if options.event is not None:
        name, _, rest = options.event.partition(",")
        return [i.EventInput(name, event_values(rest))]
    if options.packet is None:
        return None
    path = options.packet
    if is_hex(path):
        return [i.PacketInput(packets.from_hex(path), socket=options.socket)]
    data = read_packet(path)
    if path.endswith((".pcap", ".pcapng", ".cap")):
        return [i.PacketInput(p, socket=options.socket) for p in packets.from_pcap(data)]
    return [i.PacketInput(packets.checked(data), socket=options.socket)]


def given_input(path: str) -> RunInput:
    """--input: a JSON file, "-" for standard input (docs/counterexample.md)."""
    from vm.runner import given

    return given.parse(given_bytes(path))


def given_bytes(path: str) -> bytes:
    """The content of --input, no more of it than is too long. InputError if it cannot be read."""
    from vm.runner.given import MAX_BYTES

    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as e:
        raise InputError(f"{path}: {e.strerror}.") from None


def event_values(text: str) -> dict[str, int | str | bytes]:
    """ "pid=7,comm=bash" as numbers where they look like numbers."""
    values: dict[str, int | str | bytes] = {}
    for part in filter(None, text.split(",")):
        key, sep, value = part.partition("=")
        if not sep or not key:
            raise InputError(f"--event: {part!r} is not name=value.")
        try:
            values[key] = int(value, 0)
        except ValueError:
            values[key] = value
    return values
