"""The shape of a helper."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from vm.runner.world import World


class Call(NamedTuple):
    """A helper calls the program's function at `address`; the function's r0 is sent to the helper."""

    address: int
    args: tuple[int, ...]


HelperResult: TypeAlias = "int | Generator[Call, int, int]"
# (world, r1, r2, r3, r4, r5) -> r0 (negative numbers are errors), registers as unsigned 64-bit numbers.
Helper: TypeAlias = Callable[["World", int, int, int, int, int], HelperResult]


def u32(value: int) -> int:
    return value & 0xFFFFFFFF


def s32(value: int) -> int:
    """An int argument: the low 32 bits, signed."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def s64(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
