"""Helpers on strings (kernel/bpf/helpers.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vm.kernel.errno import EINVAL, ERANGE
from vm.runner.helpers.base import Helper, u32
from vm.runner.memory import AccessError

if TYPE_CHECKING:
    from vm.runner.world import World

_SPACE: Final = b" \t\n\v\f\r\xa0"
_DIGITS: Final = {8: rb"[0-7]+", 10: rb"[0-9]+", 16: rb"[0-9a-fA-F]+"}
BPF_STRTOX_BASE_MASK: Final = 0x1F


def _parse(text: bytes, flags: int) -> tuple[int, bool, int] | int:
    """(magnitude, negative, bytes used) or -errno, as __bpf_strtoull()."""
    base = flags & BPF_STRTOX_BASE_MASK
    if not text or flags & ~BPF_STRTOX_BASE_MASK or base not in (0, 8, 10, 16):
        return -EINVAL
    at = 0
    while at < len(text) and text[at] in _SPACE:
        at += 1
    negative = text[at : at + 1] == b"-"
    at += negative
    if at >= len(text) or not text[at]:
        return -EINVAL
    if base == 0:
        if text[at : at + 1] != b"0":
            base = 10
        else:
            base = 16 if re.match(rb"0[xX][0-9a-fA-F]", text[at : at + 3]) else 8
    if base == 16 and text[at : at + 2].lower() == b"0x":
        at += 2
    match = re.compile(_DIGITS[base]).match(text, at)
    if match is None:
        return -EINVAL
    value = int(match[0], base)
    return -ERANGE if value >> 64 else (value, negative, match.end())


def strtol(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    w.memory.store_bytes(r4, bytes(8))
    parsed = _parse(w.memory.load_bytes(r1, r2), r3)
    if isinstance(parsed, int):
        return parsed
    value, negative, used = parsed
    if value > (1 << 63) - (not negative):
        return -ERANGE
    w.memory.put(r4, 8, -value if negative else value)
    return used


def strtoul(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    w.memory.store_bytes(r4, bytes(8))
    parsed = _parse(w.memory.load_bytes(r1, r2), r3)
    if isinstance(parsed, int):
        return parsed
    value, negative, used = parsed
    if negative:
        return -EINVAL
    w.memory.put(r4, 8, value)
    return used


def strncmp(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """bpf_strncmp(s1, s1_sz, s2): the difference's sign."""
    size = u32(r2)
    first = w.memory.load_bytes(r1, size).split(b"\0", 1)[0]
    second = w.memory.load_string(r3, size)
    if second is None:
        raise AccessError(w.memory.explain(r3, 1, "read"), r3)
    second = second[:size]
    return (first > second) - (first < second)


HELPERS: Final[dict[str, Helper]] = {"strtol": strtol, "strtoul": strtoul, "strncmp": strncmp}
