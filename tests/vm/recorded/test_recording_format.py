"""A recording's file: what is written is read again, and whatever else is said to be none."""

from __future__ import annotations

import json
import random
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vm.btf.part import part
from vm.errors import InputError
from vm.kernel.btf import kernel_btf
from vm.recorded import format as file_format
from vm.recorded.values import Recording

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.glob("*.rec"))
DATA = FILES[0].read_bytes()


def rebuilt(change: Any) -> bytes:
    """The file with another head, and a checksum that is right."""
    body = zlib.decompress(DATA[16:])
    (length,) = struct.unpack_from("<I", body)
    head = json.loads(body[4 : 4 + length])
    change(head)
    told = json.dumps(head).encode()
    body = struct.pack("<I", len(told)) + told + body[4 + length :]
    return struct.pack("<4sHHII", b"BPFR", 1, 0, len(body), zlib.crc32(body)) + zlib.compress(body)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_read_as_it_was_written(path: Path) -> None:
    recording = file_format.decode(path.read_bytes())
    assert recording.events and recording.codes and recording.release.startswith("6.12.")
    assert file_format.decode(file_format.encode(recording)) == recording


def test_the_kernels_types_are_kept() -> None:
    types = part(kernel_btf(), [kernel_btf().struct("sock").id])
    recording = replace(file_format.decode(DATA), types=types)
    assert file_format.decode(file_format.encode(recording)) == recording


@pytest.mark.parametrize("length", range(0, len(DATA), 97))
def test_a_cut_file_is_said_to_be_cut(length: int) -> None:
    with pytest.raises(InputError, match="no recording" if length < 4 else "is cut"):
        file_format.decode(DATA[:length])


def test_a_newer_version_is_said() -> None:
    newer = DATA[:4] + struct.pack("<H", 2) + DATA[6:]
    with pytest.raises(InputError, match=r"newer bpfscope \(format 2\)"):
        file_format.decode(newer)


def test_another_file_is_said_to_be_none() -> None:
    with pytest.raises(InputError, match="no recording"):
        file_format.decode(b"\x7fELF" + bytes(100))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = struct.pack("<4sHHII", b"BPFR", 1, 0, 1 << 31, 0) + zlib.compress(bytes(1 << 20))
    with pytest.raises(InputError, match="at most"):
        file_format.decode(bomb)
    longer = struct.pack("<4sHHII", b"BPFR", 1, 0, 100, 0) + zlib.compress(bytes(1 << 20))
    with pytest.raises(InputError, match="checksum"):
        file_format.decode(longer)


def _set(*path: Any, value: Any) -> Any:
    def change(head: dict[str, Any]) -> None:
        at: Any = head
        for each in path[:-1]:
            at = at[each]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("events", value=3), _set("events", 0, "program", value=9), _set("events", 0, "program", value=-1),
        _set("events", 0, "states", value=1 << 40), _set("events", 0, "states", value=-5),
        _set("events", 0, "states", value=100_000), _set("programs", 0, "image", value="AAAA"),
        _set("programs", 0, "functions", value=[]), _set("programs", value={}), _set("source", value=7),
        _set("maps", 0, value="x"), _set("events", 0, "memory", value=[[1]]), _set("types", value=5),
        _set("types", value="AAAA"), _set("types", value="A" * (1 << 18)),
        _set("events", 0, "comm", value="\ud800"), _set("notes", value=["\udfff"]), _set("kernel", value="x" * 4001),
    ],
)  # fmt: skip
def test_a_wrong_head_is_damage(change: Any) -> None:
    with pytest.raises(InputError, match="damaged"):
        file_format.decode(rebuilt(change))


def test_flipped_bits_never_raise_anything_else() -> None:
    source = random.Random(1)
    for _ in range(300):
        data = bytearray(DATA)
        for _ in range(source.randrange(1, 4)):
            data[source.randrange(len(data))] ^= 1 << source.randrange(8)
        try:
            assert isinstance(file_format.decode(bytes(data)), Recording)
        except InputError as e:
            assert e.message.endswith(".")


def test_too_long_a_recording_is_not_written() -> None:
    recording = file_format.decode(DATA)
    with pytest.raises(InputError, match="too long"):
        file_format.encode(replace(recording, events=recording.events * 1000))


def test_a_head_nested_too_deep_is_damage() -> None:
    head = b'{"events":' + b"[" * 200_000
    body = struct.pack("<I", len(head)) + head
    packed = zlib.compress(body)
    with pytest.raises(InputError, match="damaged"):
        file_format.decode(struct.pack("<4sHHII", b"BPFR", 1, 0, len(body), zlib.crc32(body)) + packed)
