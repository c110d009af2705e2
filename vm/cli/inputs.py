"""Files and options of the command line as the values the stages take."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from vm.errors import InputError
from vm.pipeline import BuildOptions, Source

if TYPE_CHECKING:
    from vm.runner.inputs import RunInput

SUFFIX_KINDS = {
    ".c": "c", ".o": "elf", ".elf": "elf", ".s": "asm", ".asm": "asm", ".S": "asm", ".bpf": "asm",
    ".hex": "hex", ".bin": "bin",
}  # fmt: skip
MAX_FILE_BYTES = 16 << 20


def read_bytes(path: str) -> bytes:
    """A file's bytes; InputError if it cannot be read or is far too large."""
    try:
        with open(path, "rb") as f:
            data = f.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise InputError(f"{path}: {e.strerror}.") from None
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB.")
    return data


def read_source(path: str) -> Source:
    """A source by its suffix; an ELF is known by its first bytes whatever it is called."""
    data = read_bytes(path)
    name = Path(path).name
    kind = "elf" if data[:4] == b"\x7fELF" else SUFFIX_KINDS.get(Path(path).suffix)
    if kind is None:
        raise InputError(
            f"{path}: what is it? Known are .c, .o, .s or .asm (assembly), .hex and .bin (raw instructions)."
        )
    if kind == "bin":
        return Source("hex", data.hex().encode(), name)
    return Source(kind, data, name)


def build_options(options: Namespace) -> BuildOptions:
    return BuildOptions(
        opt=options.opt,
        mcpu=options.mcpu,
        fix_includes=options.fix_includes,
        prog_type=options.prog_type,
        untyped=options.untyped,
    )


def run_inputs(options: Namespace) -> list[RunInput]:
    """--packet, --event or --memory as inputs; several for a pcap."""
    from vm.runner import inputs as i
    from vm.runner import packets

    if options.memory is not None:
        return [i.MemoryInput(packets.from_hex(options.memory, minimum=0))]
    if options.event is not None:
        name, _, rest = options.event.partition(",")
        return [i.EventInput(name, event_values(rest))]
    if options.packet is None:
        return [i.NoInput()]
    path = options.packet
    if re.fullmatch(r"[0-9a-fA-F\s:]*", path) and not Path(path).exists():
        return [i.PacketInput(packets.from_hex(path))]
    data = read_bytes(path)
    if path.endswith((".pcap", ".pcapng", ".cap")):
        return [i.PacketInput(p) for p in packets.from_pcap(data)]
    return [i.PacketInput(packets.checked(data))]


def event_values(text: str) -> dict[str, int | str | bytes]:
    """ "pid=7,comm=bash" as numbers where they look like numbers."""
    values: dict[str, int | str | bytes] = {}
    for part in filter(None, text.split(",")):
        key, sep, value = part.partition("=")
        if not sep or not key:
            raise InputError(f"--event: {part!r} is no name=value.")
        try:
            values[key] = int(value, 0)
        except ValueError:
            values[key] = value
    return values
