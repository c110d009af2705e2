"""Damaged objects: whatever bytes are flipped, the answer is an Object or an InputError, soon."""

from __future__ import annotations

import random
import time

import pytest

from tests.vm.elf.objects import build
from tests.vm.elf.test_load import CORE, COUNTER, EXTERNS, MAPS_OF_MAPS, SUBPROGS
from vm.elf import load_object
from vm.errors import InputError

SOURCES = (COUNTER, SUBPROGS, MAPS_OF_MAPS, EXTERNS, CORE)
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(out))
        way = rng.randrange(4)
        if way == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            out[at] = rng.randrange(256)
        elif way == 2:
            size = rng.choice((1, 2, 4, 8))
            out[at : at + size] = (rng.choice(INTERESTING) % (1 << 8 * size)).to_bytes(size, "little")
        else:
            del out[at : at + rng.choice((1, 8, 24, 64))]
            if not out:
                return bytes(out)
    return bytes(out)


def run(seed: int, count: int) -> int:
    rng = random.Random(seed)
    objects = [build(source) for source in SOURCES]
    loaded = 0
    for number in range(count):
        data = mutate(rng.choice(objects), rng)
        start = time.process_time()
        try:
            loaded += bool(load_object(data, "fuzz").programs)
        except InputError as error:
            assert error.message.endswith("."), (seed, number, error.message)
        except Exception as error:
            raise AssertionError(f"mutation {number} of seed {seed}: {error!r}") from error
        assert time.process_time() - start < 5, (seed, number)
    return loaded


def test_flipped_bytes() -> None:
    assert run(1, 500) > 50


@pytest.mark.corpus
def test_ten_thousand_flips() -> None:
    assert run(2, 10_000) > 1000


def test_section_headers_one_field_at_a_time() -> None:
    """Every field of every section header and of the file header, with values that are too large."""
    good = build(COUNTER)
    shoff = int.from_bytes(good[0x28:0x30], "little")
    shnum = int.from_bytes(good[0x3C:0x3E], "little")
    places = [(at, 2) for at in range(0x10, 0x40, 2)]
    for index in range(shnum):
        base = shoff + 64 * index
        places += [(base + off, 4) for off in (0, 4, 40, 44)] + [(base + off, 8) for off in (8, 16, 24, 32, 48, 56)]
    for at, size in places:
        for value in ((1 << 8 * size) - 1, 1 << 8 * size - 1, len(good)):
            data = good[:at] + (value % (1 << 8 * size)).to_bytes(size, "little") + good[at + size :]
            try:
                load_object(data, "x")
            except InputError as error:
                assert error.message


def test_a_terabyte_of_bss_is_refused() -> None:
    with pytest.raises(InputError, match="bss"):
        load_object(build('char big[1ul << 40]; SEC("xdp") int f(void *c) { return big[5]; }'), "x")
