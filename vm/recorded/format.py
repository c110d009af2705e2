"""The file format of recordings.

    header   magic "BPFR", version u16, zero u16, bytes of the body u32, CRC-32 of the body u32
    body     deflated (zlib): length of the head u32; the head, JSON in UTF-8; then for each event, in the head's order,
             offsets (i32 each), which registers changed (u16 bits each), the registers that changed (u64 each)

All integers are little-endian. Bytes in the head are base64. Sizes are limited before decompression. A file
that is no recording, is truncated or damaged, or was written by a newer version is an InputError that says so.
"""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from collections.abc import Iterator
from struct import Struct, error, pack, unpack_from
from typing import Any, Final

from vm.bits import U32, U64
from vm.btf.check import from_untrusted
from vm.errors import InputError, LimitError
from vm.recorded.values import (
    SNAPSHOT,
    Bytes,
    Place,
    RecordedCode,
    RecordedEvent,
    RecordedMap,
    Recording,
)

MAGIC: Final = b"BPFR"
VERSION: Final = 1
MAX_FILE: Final = 1 << 20
MAX_BODY: Final = 24 << 20
MAX_EVENTS: Final = 2000
MAX_STATES: Final = 120_000
"""Of all events together."""
MAX_MEMORY: Final = 64 << 10
"""Bytes of memory, of one event."""
MAX_PIECES: Final = 256
"""Of memory, of one event."""
MAX_TYPES: Final = 128 << 10
"""Bytes of BTF."""
MAX_SLOT: Final = 1 << 24
"""Of an instruction."""
MAX_LINES: Final = 1 << 16
MAX_TEXTS: Final = 10_000
"""Printed lines, or notes."""
MAX_TEXT: Final = 4000
"""Characters of a name, a line or a note."""
_HEADER: Final = Struct("<4sHHII")
_REGISTERS: Final = SNAPSHOT // 8
_STATE: Final = Struct(f"<{_REGISTERS}Q")


def encode(recording: Recording) -> bytes:
    """The file. LimitError for a recording that is too long to be read again."""
    head = {
        "kernel": recording.kernel, "release": recording.release, "source": recording.source,
        "workload": recording.workload,
        "programs": [
            {
                "name": code.name, "fingerprint": code.fingerprint, "image": _text(code.image),
                "functions": [list(place) for place in code.functions], "lines": [list(line) for line in code.lines],
            }
            for code in recording.codes
        ],
        "events": [
            {
                "program": event.program, "comm": event.comm, "pid": event.pid, "states": len(event.offsets),
                "memory": [[each.state, each.address, _text(each.data)] for each in event.memory], "cut": event.cut,
                **({"continues": True} if event.continues else {}),
            }
            for event in recording.events
        ],
        "maps": [{"name": m.name, "entries": [[_text(k), _text(v)] for k, v in m.entries]} for m in recording.maps],
        "printed": list(recording.printed), "notes": list(recording.notes),
        **({"types": _text(recording.types)} if recording.types else {}),
    }  # fmt: skip
    told = json.dumps(head, separators=(",", ":")).encode()
    body = b"".join((pack("<I", len(told)), told, *map(_columns, recording.events)))
    packed = zlib.compress(body, 9)
    states = sum(len(event.offsets) for event in recording.events)
    if len(packed) + _HEADER.size > MAX_FILE or len(body) > MAX_BODY or states > MAX_STATES:
        raise LimitError("The recording is too long for a file: record fewer events.", "size")
    return _HEADER.pack(MAGIC, VERSION, 0, len(body), zlib.crc32(body)) + packed


def decode(data: bytes) -> Recording:
    """The recording of a file; InputError if it is none."""
    if data[:4] != MAGIC:
        raise InputError("This is no recording: a recording begins with the letters BPFR.")
    if len(data) > MAX_FILE:
        raise LimitError(f"The recording has {len(data):,} bytes; at most {MAX_FILE:,} (1 MiB) are taken.", "size")
    if len(data) < _HEADER.size:
        raise InputError("The recording is cut: its end is missing.")
    _, version, _, size, crc = _HEADER.unpack_from(data)
    if version > VERSION:
        raise InputError(
            f"The recording was made by a newer bpfscope (format {version}); this one reads up to format {VERSION}."
        )
    if size > MAX_BODY:
        raise LimitError(f"The recording unpacks to {size:,} bytes; at most {MAX_BODY:,} are taken.", "size")
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(data[_HEADER.size :], size + 1)
    except zlib.error:
        raise InputError("The recording is damaged: it cannot be unpacked.") from None
    if len(body) < size:
        raise InputError("The recording is cut: its end is missing.")
    if len(body) != size or zlib.crc32(body) != crc:
        raise InputError("The recording is damaged: its checksum does not match.")
    try:
        return _decoded(body)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, error, OverflowError, RecursionError):
        raise InputError("The recording is damaged: it does not hold what a recording holds.") from None


def _decoded(body: bytes) -> Recording:
    (length,) = unpack_from("<I", body)
    head: dict[str, Any] = json.loads(body[4 : 4 + length])
    told = head["events"]
    if len(told) > MAX_EVENTS or sum(_within(event["states"], 1, MAX_STATES) for event in told) > MAX_STATES:
        raise ValueError("more events than a recording may have")
    codes = tuple(_code(each) for each in head["programs"])
    events = tuple(_events(told, codes, body, 4 + length))
    maps = tuple(
        RecordedMap(_name(m["name"]), tuple((_bytes(k), _bytes(v)) for k, v in m["entries"])) for m in head["maps"]
    )
    return Recording(
        _name(head["kernel"]), _name(head["release"]), dict(head["source"]), _name(head["workload"]), codes, events,
        maps, _texts(head["printed"]), _texts(head["notes"]), _types(head.get("types", "")),
    )  # fmt: skip


def _types(text: str) -> bytes:
    """BTF that can be read, or nothing."""
    data = _bytes(text)
    if len(data) > MAX_TYPES:
        raise ValueError("more types than a recording may have")
    if data:
        try:
            from_untrusted(data)
        except InputError as found:
            raise ValueError("types that cannot be read") from found
    return data


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("no text, or a long one")
    value.encode()  # half a character cannot be stored or sent: UnicodeEncodeError is a ValueError
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > MAX_TEXTS:
        raise ValueError("no lines, or too many")
    return tuple(map(_name, values))


def _within(value: object, low: int, high: int) -> int:
    """A number in a range."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError("a number outside its range")
    return value


def _code(told: dict[str, Any]) -> RecordedCode:
    image = _bytes(told["image"])
    functions = tuple(
        Place(_within(address, 0, U64), _within(length, 1, len(image))) for address, length in told["functions"]
    )
    if not functions or sum(place.length for place in functions) != len(image):
        raise ValueError("functions of another image")
    if len(told["lines"]) > MAX_LINES:
        raise ValueError("more lines than a program may have")
    lines = tuple((_within(offset, 0, len(image) - 1), _within(slot, 0, MAX_SLOT)) for offset, slot in told["lines"])
    return RecordedCode(_name(told["name"]), _name(told["fingerprint"]), image, functions, lines)


def _columns(event: RecordedEvent) -> bytes:
    """The offsets, the masks of what changed, and the registers that changed."""
    masks, values = array("H"), array("Q")
    before: tuple[int, ...] = ()
    for k in range(len(event.offsets)):
        regs = unpack_from(f"<{_REGISTERS}Q", event.registers, SNAPSHOT * k)
        mask = sum(1 << i for i in range(_REGISTERS) if not before or regs[i] != before[i])
        values.extend(regs[i] for i in range(_REGISTERS) if mask >> i & 1)
        masks.append(mask)
        before = regs
    return array("i", event.offsets).tobytes() + masks.tobytes() + values.tobytes()


class _Changed(dict[int, tuple[int, ...]]):
    """Numbers of the registers of a mask."""

    def __missing__(self, mask: int) -> tuple[int, ...]:
        found = self[mask] = tuple(i for i in range(_REGISTERS) if mask >> i & 1)
        return found


def _events(
    told: list[dict[str, Any]], codes: tuple[RecordedCode, ...], body: bytes, at: int
) -> Iterator[RecordedEvent]:
    changed = _Changed()
    for each in told:
        count, program = each["states"], _within(each["program"], 0, len(codes) - 1)
        offsets, masks = array("i"), array("H")
        offsets.frombytes(body[at : at + 4 * count])
        masks.frombytes(body[at + 4 * count : at + 6 * count])
        at += 6 * count
        if len(masks) != count or min(offsets) < -1 or max(offsets) >= len(codes[program].image):
            raise ValueError("states outside the image")
        held = array("Q")
        length = 8 * sum(mask.bit_count() for mask in masks)
        held.frombytes(body[at : at + length])
        if 8 * len(held) != length:
            raise ValueError("fewer registers than have changed")
        at += length
        values = iter(held)
        registers = bytearray()
        regs = [0] * _REGISTERS
        for mask in masks:
            for i in changed[mask]:
                regs[i] = next(values)
            registers += _STATE.pack(*regs)
        memory = tuple(
            Bytes(_within(state, 0, count), _within(address, 0, U64), _bytes(data))
            for state, address, data in each["memory"]
        )
        if len(memory) > MAX_PIECES or sum(len(piece.data) for piece in memory) > MAX_MEMORY:
            raise ValueError("more memory than an event may have")
        pid = _within(each["pid"], 0, U32)
        continues = each.get("continues", False)
        if type(continues) is not bool:
            raise ValueError("neither true nor false")
        yield RecordedEvent(
            program, _name(each["comm"]), pid, offsets, bytes(registers), memory, _name(each["cut"]), continues
        )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
