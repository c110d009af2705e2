"""A set of 64-bit numbers: known bits and four pairs of bounds, which are refined by each other.

Signed bounds are plain (negative) integers, unsigned ones 0 to 2^64-1, the 32-bit pairs are about the low half.
The deductions are those of reg_bounds_sync(), in its order and number of rounds, because the
text of the log shows the result.
"""

from __future__ import annotations

from typing import Final, final

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32, U64
from vm.native import mypyc_attr
from vm.verifier.domain.tnum import SIGN32, SIGN64, TNUM_UNKNOWN, Tnum, tnum_cast, tnum_range

U64_MAX: Final = U64
U32_MAX: Final = U32
_HIGH: Final = ~U32
# Whether a number fits is tested with a shift, here and in tnum.py: a mask of 64 bits is beyond the small integers
# that compiled code computes with, and would make every operation a call.
_TWO64: Final = 1 << 64


@mypyc_attr(free_list_len=1)
@final
class Scalar:
    """Immutable. Members are the numbers that var_off and all four pairs of bounds admit."""

    __slots__ = ("var_off", "smin", "smax", "umin", "umax", "s32_min", "s32_max", "u32_min", "u32_max")

    def __init__(
        self,
        var_off: Tnum,
        smin: int,
        smax: int,
        umin: int,
        umax: int,
        s32_min: int,
        s32_max: int,
        u32_min: int,
        u32_max: int,
    ) -> None:
        self.var_off = var_off
        self.smin = smin
        self.smax = smax
        self.umin = umin
        self.umax = umax
        self.s32_min = s32_min
        self.s32_max = s32_max
        self.u32_min = u32_min
        self.u32_max = u32_max

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Scalar) and same(self, other))

    def __hash__(self) -> int:
        return hash((self.var_off.value, self.var_off.mask, self.smin, self.smax, self.umin, self.umax))

    def __repr__(self) -> str:
        return (
            f"Scalar({self.var_off!r}, s=[{self.smin}, {self.smax}], u=[{self.umin}, {self.umax}], "
            f"s32=[{self.s32_min}, {self.s32_max}], u32=[{self.u32_min}, {self.u32_max}])"
        )


def same(a: Scalar, b: Scalar) -> bool:
    """Equal in every field."""
    return a is b or (
        a.umin == b.umin
        and a.umax == b.umax
        and a.smin == b.smin
        and a.smax == b.smax
        and a.var_off.value == b.var_off.value
        and a.var_off.mask == b.var_off.mask
        and a.u32_min == b.u32_min
        and a.u32_max == b.u32_max
        and a.s32_min == b.s32_min
        and a.s32_max == b.s32_max
    )


def s64(value: int) -> int:
    """The low 64 bits read as a signed number."""
    if value >> 63 == 0:
        return value
    return ((value & U64) ^ SIGN64) - SIGN64


def s32(value: int) -> int:
    """The low 32 bits read as a signed number."""
    return ((value & U32) ^ SIGN32) - SIGN32


UNKNOWN: Final = Scalar(TNUM_UNKNOWN, S64_MIN, S64_MAX, 0, U64, S32_MIN, S32_MAX, 0, U32)


def _make_const(value: int) -> Scalar:
    signed = value - _TWO64 if value >> 63 else value
    low = value & U32
    low_signed = (low ^ SIGN32) - SIGN32
    return Scalar(Tnum(value, 0), signed, signed, value, value, low_signed, low_signed, low, low)


_SMALL: Final = [_make_const(value) for value in range(1024)]
ZERO: Final = _SMALL[0]


def const(value: int) -> Scalar:
    """The one number `value`, taken modulo 2^64."""
    if value >> 10 == 0:
        return _SMALL[value]
    if value >> 64:
        value &= U64
        if value < 1024:
            return _SMALL[value]
    return _make_const(value)


def is_const(a: Scalar) -> bool:
    """Whether all 64 bits are known."""
    return a.var_off.mask == 0


def subreg_is_const(a: Scalar) -> bool:
    """Whether the low 32 bits are known."""
    return a.var_off.mask & U32 == 0


def unbounded(var_off: Tnum) -> Scalar:
    """`var_off` with no bounds at all, not even those it implies (__mark_reg_unbounded)."""
    return Scalar(var_off, S64_MIN, S64_MAX, 0, U64, S32_MIN, S32_MAX, 0, U32)


def set32_const(a: Scalar, value: int) -> Scalar:
    """`a` with its low half known to be `value`; the 64-bit bounds stay (__mark_reg32_known)."""
    low = value & U32
    signed = (low ^ SIGN32) - SIGN32
    var_off = Tnum(a.var_off.value & _HIGH | low, a.var_off.mask & _HIGH)
    return Scalar(var_off, a.smin, a.smax, a.umin, a.umax, signed, signed, low, low)


def bounded(
    a: Scalar,
    *,
    smin: int | None = None,
    smax: int | None = None,
    umin: int | None = None,
    umax: int | None = None,
    s32_min: int | None = None,
    s32_max: int | None = None,
    u32_min: int | None = None,
    u32_max: int | None = None,
) -> Scalar:
    """`a` with the bounds given replaced, synced. For rules outside the hot path (return values, ranges)."""
    return sync(
        a.var_off.value,
        a.var_off.mask,
        a.smin if smin is None else smin,
        a.smax if smax is None else smax,
        a.umin if umin is None else umin,
        a.umax if umax is None else umax,
        a.s32_min if s32_min is None else s32_min,
        a.s32_max if s32_max is None else s32_max,
        a.u32_min if u32_min is None else u32_min,
        a.u32_max if u32_max is None else u32_max,
    )


def bounds_sync(a: Scalar) -> Scalar:
    """Refines the bits and bounds of `a` by each other (reg_bounds_sync)."""
    return sync(
        a.var_off.value,
        a.var_off.mask,
        a.smin,
        a.smax,
        a.umin,
        a.umax,
        a.s32_min,
        a.s32_max,
        a.u32_min,
        a.u32_max,
    )


def sync(
    v: int,
    m: int,
    smin: int,
    smax: int,
    umin: int,
    umax: int,
    s32_min: int,
    s32_max: int,
    u32_min: int,
    u32_max: int,
) -> Scalar:
    """`bounds_sync` on loose fields (v, m: the tnum).

    One long function because it runs for every arithmetic instruction of a walk and its ten
    locals would otherwise be packed and unpacked nine times.
    """
    # Bounds from bits: the sign bit taken as badly as possible, the rest as well as possible.
    low = v & U32
    low_mask = m & U32
    x = ((low | low_mask & SIGN32) ^ SIGN32) - SIGN32
    if x > s32_min:
        s32_min = x
    x = ((low | low_mask & S32_MAX) ^ SIGN32) - SIGN32
    if x < s32_max:
        s32_max = x
    if low > u32_min:
        u32_min = low
    if low | low_mask < u32_max:
        u32_max = low | low_mask
    x = v - _TWO64 if v >> 63 else v - SIGN64 if m >> 63 else v
    if x > smin:
        smin = x
    x = v | m - SIGN64 if m >> 63 else v | m
    if x >> 63:
        x -= _TWO64
    if x < smax:
        smax = x
    if v > umin:
        umin = v
    if v | m < umax:
        umax = v | m

    if umax >> 31 == 0:
        # A small number, which all pairs hold alike: the rounds below come to what all of them admit. (Not so where
        # the signed pair of 64 bits contradicts the others or has another upper half, which is left to the rounds.)
        lo = umin
        if u32_min > lo:
            lo = u32_min
        if s32_min > lo:
            lo = s32_min
        hi = umax
        if u32_max < hi:
            hi = u32_max
        if s32_max < hi:
            hi = s32_max
        plain = True
        if smax < 0 or smin >> 31 > 0:
            plain = False
        elif smax >> 31 == 0:
            if smin >= S32_MIN:
                if smin > lo:
                    lo = smin
                if smax < hi:
                    hi = smax
        elif smin >= 0 and smax >> 32 == 0:
            plain = False
        if plain and lo <= hi:
            delta = (1 << (lo ^ hi).bit_length()) - 1
            mask = m & delta
            v = (v | lo & ~delta) & ~mask
            if v > lo:
                lo = v
            if v | mask < hi:
                hi = v | mask
            if lo == hi == v and not mask:
                return const(v)
            return Scalar(Tnum(v, mask), lo, hi, lo, hi, lo, hi, lo, hi)

    # Three rounds; one that changes nothing makes the next ones idle.
    for _ in range(3):
        before = (smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max, v, m)

        # 32-bit bounds from 64-bit ones with equal upper halves (the low halves are then a range) …
        ulo = umin & U32
        uhi = umax & U32
        ulo_s = (ulo ^ SIGN32) - SIGN32
        uhi_s = (uhi ^ SIGN32) - SIGN32
        slo = smin & U32
        shi = smax & U32
        slo_s = (slo ^ SIGN32) - SIGN32
        shi_s = (shi ^ SIGN32) - SIGN32
        if umin >> 32 == umax >> 32:
            if ulo > u32_min:
                u32_min = ulo
            if uhi < u32_max:
                u32_max = uhi
            if ulo_s <= uhi_s:
                if ulo_s > s32_min:
                    s32_min = ulo_s
                if uhi_s < s32_max:
                    s32_max = uhi_s
        if smin >> 32 == smax >> 32:
            if slo <= shi:
                if slo > u32_min:
                    u32_min = slo
                if shi < u32_max:
                    u32_max = shi
            if slo_s <= shi_s:
                if slo_s > s32_min:
                    s32_min = slo_s
                if shi_s < s32_max:
                    s32_max = shi_s
        # … or neighbouring upper halves where the low halves go from negative to positive.
        if (umin >> 32) + 1 & U32 == umax >> 32 and ulo_s < 0 <= uhi_s:
            if ulo_s > s32_min:
                s32_min = ulo_s
            if uhi_s < s32_max:
                s32_max = uhi_s
        if (smin >> 32) + 1 & U32 == smax >> 32 & U32 and slo_s < 0 <= shi_s:
            if slo_s > s32_min:
                s32_min = slo_s
            if shi_s < s32_max:
                s32_max = shi_s
        # Signed from unsigned where the sign does not change, and the other way round.
        x = (u32_min ^ SIGN32) - SIGN32
        y = (u32_max ^ SIGN32) - SIGN32
        if x <= y:
            if x > s32_min:
                s32_min = x
            if y < s32_max:
                s32_max = y
        x = s32_min & U32
        y = s32_max & U32
        if x <= y:
            if x > u32_min:
                u32_min = x
            if y < u32_max:
                u32_max = y
        elif u32_max < x:  # unsigned meets only the non-negative end of signed
            s32_min = (u32_min ^ SIGN32) - SIGN32
            if y < u32_max:
                u32_max = y
        elif y < u32_min:  # only the negative end
            s32_max = (u32_max ^ SIGN32) - SIGN32
            if x > u32_min:
                u32_min = x

        # The same for 64 bits.
        x = umin - _TWO64 if umin >> 63 else umin
        y = umax - _TWO64 if umax >> 63 else umax
        if x <= y:
            if x > smin:
                smin = x
            if y < smax:
                smax = y
        x = smin if smin >= 0 else smin + _TWO64
        y = smax if smax >= 0 else smax + _TWO64
        if x <= y:
            if x > umin:
                umin = x
            if y < umax:
                umax = y
        elif umax < x:
            smin = umin - _TWO64 if umin >> 63 else umin
            if y < umax:
                umax = y
        elif y < umin:
            smax = umax - _TWO64 if umax >> 63 else umax
            if x > umin:
                umin = x

        # 64-bit bounds from 32-bit ones: each 64-bit bound with the low half pushed inwards.
        x = umin & _HIGH | u32_min
        if x > umin:
            umin = x
        x = umax & _HIGH | u32_max
        if x < umax:
            umax = x
        x = smin & _HIGH | u32_min
        if x > smin:
            smin = x
        x = smax & _HIGH | u32_max
        if x < smax:
            smax = x
        lo = s32_min & U32
        hi = s32_max & U32
        if lo <= hi:
            x = umin & _HIGH | lo
            if x > umin:
                umin = x
            x = umax & _HIGH | hi
            if x < umax:
                umax = x
            x = smin & _HIGH | lo
            if x > smin:
                smin = x
            x = smax & _HIGH | hi
            if x < smax:
                smax = x
        # A sign-extended value whose low half is not negative is not negative.
        if s32_min >= 0 and smin >= S32_MIN and smax <= S32_MAX:
            smin = s32_min
            smax = s32_max
            umin = smin
            umax = smax if smax >= 0 else smax + _TWO64
            known = tnum_range(umin, umax)
            mask = m & known.mask
            v = (v | known.value) & ~mask
            m = mask

        if before == (smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max, v, m):
            break

    # Bits from bounds: those above the highest bit in which the bounds differ are known.
    bits = (umin ^ umax).bit_length()
    if bits <= 63:
        delta = (1 << bits) - 1
        mask = m & delta
        v = (v | umin & ~delta) & ~mask
        m = mask
    delta = (1 << (u32_min ^ u32_max).bit_length()) - 1
    mask = m & delta
    low = (v & U32 | u32_min & ~delta) & ~mask
    v = v & _HIGH | low
    m = m & _HIGH | mask

    # And bounds from bits once more.
    low_mask = m & U32
    x = ((low | low_mask & SIGN32) ^ SIGN32) - SIGN32
    if x > s32_min:
        s32_min = x
    x = ((low | low_mask & S32_MAX) ^ SIGN32) - SIGN32
    if x < s32_max:
        s32_max = x
    if low > u32_min:
        u32_min = low
    if low | low_mask < u32_max:
        u32_max = low | low_mask
    x = v - _TWO64 if v >> 63 else v - SIGN64 if m >> 63 else v
    if x > smin:
        smin = x
    x = v | m - SIGN64 if m >> 63 else v | m
    if x >> 63:
        x -= _TWO64
    if x < smax:
        smax = x
    if v > umin:
        umin = v
    if v | m < umax:
        umax = v | m
    return Scalar(Tnum(v, m), smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)


def zext_32_to_64(a: Scalar) -> Scalar:
    """The value after a 32-bit operation has cleared the upper half, not yet synced."""
    if a.s32_min >= 0 and a.s32_max >= 0:
        smin = a.s32_min
        smax = a.s32_max
    else:
        smin = 0
        smax = U32
    var_off = Tnum(a.var_off.value & U32, a.var_off.mask & U32)
    return Scalar(var_off, smin, smax, a.u32_min, a.u32_max, a.s32_min, a.s32_max, a.u32_min, a.u32_max)


def coerce_to_size(a: Scalar, size: int) -> Scalar:
    """Zero-extension from the low `size` bytes (1, 2 or 4), synced (coerce_reg_to_size)."""
    if a is UNKNOWN:
        return _LOADED[size]
    return _coerced(a, size)


def _coerced(a: Scalar, size: int) -> Scalar:
    keep = (1 << size * 8) - 1
    umin = a.umin
    umax = a.umax
    if umin & ~keep == umax & ~keep:
        umin &= keep
        umax &= keep
    else:
        umin = 0
        umax = keep
    v = a.var_off.value & keep
    m = a.var_off.mask & keep
    if size < 4:
        return sync(v, m, umin, umax, umin, umax, S32_MIN, S32_MAX, 0, U32)
    return sync(v, m, umin, umax, umin, umax, a.s32_min, a.s32_max, a.u32_min, a.u32_max)


# What most loads leave behind: any number of `size` bytes.
_LOADED: Final = [UNKNOWN, _coerced(UNKNOWN, 1), _coerced(UNKNOWN, 2), UNKNOWN, _coerced(UNKNOWN, 4)]


def _sext(value: int, size: int) -> int:
    sign = 1 << size * 8 - 1
    return ((value & (sign << 1) - 1) ^ sign) - sign


def coerce_to_size_sx(a: Scalar, size: int) -> Scalar:
    """Sign-extension from the low `size` bytes (1, 2 or 4) to 64 bits (coerce_reg_to_size_sx)."""
    if a.var_off.mask == 0:
        return const(_sext(a.var_off.value, size))
    bits = size * 8
    if a.smax >> bits == a.smin >> bits:
        x = _sext(a.smax, size)
        y = _sext(a.smin, size)
        low = min(x, y)
        high = max(x, y)
        if (high >= 0) == (low >= 0):
            return Scalar(
                tnum_range(low & U64, high & U64),
                low,
                high,
                low & U64,
                high & U64,
                s32(low),
                s32(high),
                low & U32,
                high & U32,
            )
    sign = 1 << bits - 1
    return Scalar(TNUM_UNKNOWN, -sign, sign - 1, 0, U64, -sign, sign - 1, 0, U32)


def coerce_subreg_to_size_sx(a: Scalar, size: int) -> Scalar:
    """Sign-extension from the low `size` bytes (1 or 2) to 32 bits; the 64-bit bounds stay as they were.

    (coerce_subreg_to_size_sx; zext_32_to_64 has to follow.)
    """
    if a.var_off.mask == 0:
        value = _sext(a.var_off.value, size)
        low = high = value
        var_off = Tnum(value & U64, 0)
        return Scalar(var_off, a.smin, a.smax, a.umin, a.umax, low, high, low & U32, high & U32)
    bits = size * 8
    if (a.s32_max & U32) >> bits == (a.s32_min & U32) >> bits:
        x = _sext(a.s32_max, size)
        y = _sext(a.s32_min, size)
        low = min(x, y)
        high = max(x, y)
        if (high >= 0) == (low >= 0):
            var_off = tnum_cast(tnum_range(low & U64, high & U64), 4)
            return Scalar(var_off, a.smin, a.smax, a.umin, a.umax, low, high, low & U32, high & U32)
    sign = 1 << bits - 1
    return Scalar(Tnum(0, U32), a.smin, a.smax, a.umin, a.umax, -sign, sign - 1, 0, U32)


def violation(a: Scalar) -> str:
    """Which invariant `a` breaks, in the kernel's words (reg_bounds_sanity_check); "" for none."""
    if a.umin > a.umax or a.smin > a.smax or a.u32_min > a.u32_max or a.s32_min > a.s32_max:
        return "range bounds violation"
    value = a.var_off.value
    if a.var_off.mask == 0:
        signed = (value ^ SIGN64) - SIGN64
        if a.umin != value or a.umax != value or a.smin != signed or a.smax != signed:
            return "const tnum out of sync with range bounds"
    if a.var_off.mask & U32 == 0:
        value &= U32
        signed = (value ^ SIGN32) - SIGN32
        if a.u32_min != value or a.u32_max != value or a.s32_min != signed or a.s32_max != signed:
            return "const subreg tnum out of sync with range bounds"
    return ""
