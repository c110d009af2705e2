"""Damaged BTF that still loads: printing it and reading values by it ends, with text or an InputError."""

from __future__ import annotations

import random
import time
from contextlib import suppress

from tests.vm.btf.test_cdump import SHAPES, _btf
from vm.btf.cdump import c_header, type_text
from vm.btf.check import from_untrusted
from vm.btf.format import format_value
from vm.errors import InputError


def _use(data: bytes) -> bool:
    try:
        btf = from_untrusted(data)
    except InputError:
        return False
    for action in (
        lambda: c_header(btf, range(1, len(btf)), lambda _: True),
        lambda: [type_text(btf, i) for i in range(len(btf))],
        lambda: [format_value(btf, i, bytes(range(256))) for i in range(len(btf))],
        lambda: [(btf.size_of(i), btf.align_of(i), btf.ids_of(btf.type(i).name)) for i in range(len(btf))],
    ):
        with suppress(InputError):
            action()
    return True


def test_flipped_bytes_of_btf() -> None:
    good, rng = _btf(SHAPES).data, random.Random(5)
    used = 0
    for number in range(600):
        data = bytearray(good)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(24, len(data))
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 1 << rng.randrange(8), rng.randrange(256)))
        start = time.process_time()
        try:
            used += _use(bytes(data))
        except Exception as error:
            raise AssertionError(f"mutation {number}: {error!r}") from error
        assert time.process_time() - start < 5, number
    assert used > 100
