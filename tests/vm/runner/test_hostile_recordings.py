"""Recordings that no kernel made: whatever they hold, they are stepped or refused, and soon."""

from __future__ import annotations

import base64
import json
import random
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.btf.part import part
from vm.errors import InputError
from vm.kernel.btf import kernel_btf
from vm.pipeline.kernel_record import source_of
from vm.recorded.format import decode
from vm.recorded.values import Recording
from vm.runner.follow import walk_paths
from vm.runner.replay import Replay
from vm.runner.stored import blocks

EXAMPLES = Path(__file__).parents[3] / "examples"
DATA = (EXAMPLES / "trace_opens.rec").read_bytes()
NUMBERS = (0, 1, -1, 2, 27, 255, 4096, 1 << 20, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1, 1 << 70, 0.5, "1", None)
TYPES = part(kernel_btf(), [kernel_btf().struct(name).id for name in ("trace_event_raw_sys_enter", "filename")])
SECONDS = 20.0


@pytest.fixture(scope="module")
def replayed() -> Callable[[Recording], Replay]:
    """Replays a recording of the example's program."""
    source, options = source_of(decode(DATA))
    _, build = pipeline.built(source, options)
    assert build is not None
    obj = pipeline.load(build.source, build.options, build.compiled)
    check = pipeline.Check(obj, pipeline.choose(obj, "on_open"), log_level=0)
    for _ in check.advance():
        pass
    env = check.result().env
    assert env is not None and check.recorder is not None
    rewritten = pipeline.rewrite(env)
    image, paths = pipeline.translate(rewritten), walk_paths(env, check.recorder, rewritten)
    return lambda recording: pipeline.replayed(recording, rewritten, image, 10_000, paths)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every number in a head."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, (dict, list)):
            yield from places(each)
        elif isinstance(each, int):
            yield value, key


def changed(chance: random.Random) -> bytes:
    """The file with other numbers in its head and other bytes in its columns, and a checksum that is right."""
    body = bytearray(zlib.decompress(DATA[16:]))
    (length,) = struct.unpack_from("<I", body)
    head, columns = json.loads(body[4 : 4 + length]), body[4 + length :]
    found = list(places(head))
    for _ in range(chance.randrange(2)):
        container, key = chance.choice(found)
        container[key] = chance.choice(NUMBERS)
    for _ in range(chance.randrange(3)):
        columns[chance.randrange(len(columns))] = chance.randrange(256)
    if chance.random() < 0.3:
        code = bytearray(base64.b64decode(head["programs"][0]["image"]))
        code[chance.randrange(len(code))] ^= 1 << chance.randrange(8)
        head["programs"][0]["image"] = base64.b64encode(code).decode()
    if chance.random() < 0.5:
        types = bytearray(TYPES)
        for _ in range(chance.randrange(4)):
            types[chance.randrange(24, len(types))] = chance.choice((0, 1, 2, 4, 13, 255, chance.randrange(256)))
        head["types"] = base64.b64encode(types).decode()
    told = json.dumps(head).encode()
    body = bytearray(struct.pack("<I", len(told)) + told + columns)
    return struct.pack("<4sHHII", b"BPFR", 1, 0, len(body), zlib.crc32(body)) + zlib.compress(body)


def test_other_numbers_are_stepped_or_refused(replayed: Callable[[Recording], Replay]) -> None:
    stepped = 0
    for seed in range(300):
        started = time.monotonic()
        try:
            events = list(replayed(decode(changed(random.Random(seed)))).events())
        except InputError as error:
            assert error.message.endswith(".")
            continue
        for run, about, _ in events:
            assert sum(1 for _ in blocks(run.steps, iter(about))) >= bool(run.steps)
        stepped += 1
        assert time.monotonic() - started < SECONDS
    assert stepped > 50


def test_much_memory_is_refused() -> None:
    body = zlib.decompress(DATA[16:])
    (length,) = struct.unpack_from("<I", body)
    for memory in ([[1, 1 << 63, "A" * (1 << 20)]], [[1, 1 << 63, "AAAA"]] * 1000):
        head = json.loads(body[4 : 4 + length])
        head["events"][0]["memory"] = memory
        told = json.dumps(head).encode()
        other = struct.pack("<I", len(told)) + told + body[4 + length :]
        file = struct.pack("<4sHHII", b"BPFR", 1, 0, len(other), zlib.crc32(other)) + zlib.compress(other)
        with pytest.raises(InputError, match="damaged"):
            decode(file)
