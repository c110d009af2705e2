"""sync() against reg_bounds_sync() done step by step: small numbers take a shortcut, which must come to the same."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32, U64
from vm.verifier.domain.scalar import s32, s64, sync


@dataclass
class Bounds:
    """The fields of a Scalar, in sync()'s order."""

    v: int
    m: int
    smin: int
    smax: int
    umin: int
    umax: int
    s32_min: int
    s32_max: int
    u32_min: int
    u32_max: int

    def fields(self) -> tuple[int, ...]:
        return tuple(vars(self).values())

    def from_bits(self) -> None:
        low, unknown = self.v & U32, self.m & U32
        sign32, sign64 = 1 << 31, 1 << 63
        self.s32_min = max(self.s32_min, s32(low | unknown & sign32))
        self.s32_max = min(self.s32_max, s32(low | unknown & ~sign32))
        self.u32_min = max(self.u32_min, low)
        self.u32_max = min(self.u32_max, low | unknown)
        self.smin = max(self.smin, s64(self.v | self.m & sign64))
        self.smax = min(self.smax, s64(self.v | self.m & ~sign64))
        self.umin = max(self.umin, self.v)
        self.umax = min(self.umax, self.v | self.m)

    def to32(self, low: int, high: int, signed: bool) -> None:
        if signed:
            self.s32_min, self.s32_max = max(self.s32_min, low), min(self.s32_max, high)
        else:
            self.u32_min, self.u32_max = max(self.u32_min, low), min(self.u32_max, high)

    def low_halves(self) -> None:
        ulow, uhigh, slow, shigh = self.umin & U32, self.umax & U32, self.smin & U32, self.smax & U32
        if self.umin >> 32 == self.umax >> 32:
            self.to32(ulow, uhigh, False)
            if s32(ulow) <= s32(uhigh):
                self.to32(s32(ulow), s32(uhigh), True)
        if self.smin >> 32 == self.smax >> 32:
            if slow <= shigh:
                self.to32(slow, shigh, False)
            if s32(slow) <= s32(shigh):
                self.to32(s32(slow), s32(shigh), True)
        if (self.umin >> 32) + 1 & U32 == self.umax >> 32 and s32(ulow) < 0 <= s32(uhigh):
            self.to32(s32(ulow), s32(uhigh), True)
        if (self.smin >> 32) + 1 & U32 == self.smax >> 32 & U32 and s32(slow) < 0 <= s32(shigh):
            self.to32(s32(slow), s32(shigh), True)

    def signs32(self) -> None:
        if s32(self.u32_min) <= s32(self.u32_max):
            self.to32(s32(self.u32_min), s32(self.u32_max), True)
        low, high = self.s32_min & U32, self.s32_max & U32
        if low <= high:
            self.to32(low, high, False)
        elif self.u32_max < low:
            self.s32_min, self.u32_max = s32(self.u32_min), min(self.u32_max, high)
        elif high < self.u32_min:
            self.s32_max, self.u32_min = s32(self.u32_max), max(self.u32_min, low)

    def signs64(self) -> None:
        if s64(self.umin) <= s64(self.umax):
            self.smin, self.smax = max(self.smin, s64(self.umin)), min(self.smax, s64(self.umax))
        low, high = self.smin & U64, self.smax & U64
        if low <= high:
            self.umin, self.umax = max(self.umin, low), min(self.umax, high)
        elif self.umax < low:
            self.smin, self.umax = s64(self.umin), min(self.umax, high)
        elif high < self.umin:
            self.smax, self.umin = s64(self.umax), max(self.umin, low)

    def from32(self) -> None:
        pairs = [(self.u32_min, self.u32_max)]
        if self.s32_min & U32 <= self.s32_max & U32:
            pairs.append((self.s32_min & U32, self.s32_max & U32))
        for low, high in pairs:
            self.umin, self.umax = max(self.umin, self.umin & ~U32 | low), min(self.umax, self.umax & ~U32 | high)
            self.smin, self.smax = max(self.smin, self.smin & ~U32 | low), min(self.smax, self.smax & ~U32 | high)
        if self.s32_min >= 0 and self.smin >= S32_MIN and self.smax <= S32_MAX:
            self.smin = self.umin = self.s32_min
            self.smax, self.umax = self.s32_max, self.s32_max & U64
            self.known(self.umin, self.umax, U64)

    def known(self, low: int, high: int, half: int) -> None:
        """The bits above the highest in which low and high differ are known, of the half they are about."""
        open_bits = (1 << (low ^ high).bit_length()) - 1
        mask = self.m & open_bits & half
        value = (self.v | low & ~open_bits) & half & ~mask
        self.m = self.m & ~half | mask
        self.v = self.v & ~half | value

    def synced(self) -> tuple[int, ...]:
        self.from_bits()
        for _ in range(3):
            self.low_halves()
            self.signs32()
            self.signs64()
            self.from32()
        self.known(self.umin, self.umax, U64)
        self.known(self.u32_min, self.u32_max, U32)
        self.from_bits()
        return self.fields()


def around(dice: random.Random, x: int, low: int, high: int) -> tuple[int, int]:
    """Bounds that admit x: close, or none at all."""
    below, above = (1 << dice.randrange(1, 34) for _ in range(2))
    return (
        low if dice.random() < 0.3 else max(low, x - dice.randrange(below)),
        high if dice.random() < 0.3 else min(high, x + dice.randrange(above)),
    )


def some(dice: random.Random) -> Bounds:
    """A set with a member near where small numbers end; one in four contradicts itself."""
    x = dice.choice((dice.randrange(64), (1 << dice.randrange(1, 33)) + dice.randrange(-2, 3), (1 << 31) - 1)) & U64
    mask = dice.choice(((1 << dice.randrange(1, 64)) - 1, dice.getrandbits(dice.randrange(1, 40)), U64))
    bounds = Bounds(
        x & ~mask, mask, *around(dice, s64(x), S64_MIN, S64_MAX), *around(dice, x, 0, U64),
        *around(dice, s32(x), S32_MIN, S32_MAX), *around(dice, x & U32, 0, U32),
    )  # fmt: skip
    if dice.random() < 0.25:
        bounds.smin, bounds.smax = (s64(dice.randrange(-(1 << 34), 1 << 34)) for _ in range(2))
    return bounds


@pytest.mark.parametrize("seed", range(4))
def test_sync_is_the_rounds(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(3_000):
        bounds = some(dice)
        given = bounds.fields()
        found = sync(*given)
        told = (
            found.var_off.value, found.var_off.mask, found.smin, found.smax, found.umin, found.umax, found.s32_min,
            found.s32_max, found.u32_min, found.u32_max,
        )  # fmt: skip
        assert told == bounds.synced(), given
