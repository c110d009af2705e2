"""Tracked numbers: which bits of a 64-bit value are known, and what they are.

A Tnum stands for every x with x & ~mask == value. The operations are those of the kernel's
kernel/bpf/tnum.c, so results agree bit for bit with what its log prints; multiplication follows
Vishwanathan et al., "Sound, Precise, and Fast Abstract Interpretation with Tristate Numbers".
"""

from __future__ import annotations

from typing import Final, final

from vm.bits import U32, U64
from vm.native import mypyc_attr

SIGN64: Final = 0x8000000000000000
SIGN32: Final = 0x80000000


@mypyc_attr(free_list_len=1)
@final
class Tnum:
    """Immutable. `value` holds the known ones, `mask` the unknown bits; they share no bit."""

    __slots__ = ("value", "mask")

    def __init__(self, value: int, mask: int) -> None:
        self.value = value
        self.mask = mask

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tnum) and self.value == other.value and self.mask == other.mask

    def __hash__(self) -> int:
        return hash((self.value, self.mask))

    def __repr__(self) -> str:
        return f"Tnum({self.value:#x}, {self.mask:#x})"


TNUM_UNKNOWN: Final = Tnum(0, U64)


def tnum_const(value: int) -> Tnum:
    """The one number `value` (taken modulo 2^64)."""
    return Tnum(value & U64, 0)


def tnum_range(low: int, high: int) -> Tnum:
    """The smallest tnum holding every u64 from `low` to `high`."""
    bits = (low ^ high).bit_length()
    if bits > 63:
        return TNUM_UNKNOWN
    delta = (1 << bits) - 1
    return Tnum(low & ~delta, delta)


def tnum_lshift(a: Tnum, shift: int) -> Tnum:
    return Tnum(a.value << shift & U64, a.mask << shift & U64)


def tnum_rshift(a: Tnum, shift: int) -> Tnum:
    return Tnum(a.value >> shift, a.mask >> shift)


def tnum_arshift(a: Tnum, shift: int, bitness: int) -> Tnum:
    """Arithmetic shift of the low `bitness` (32 or 64) bits; the result is that wide."""
    if bitness == 32:
        value = ((a.value & U32) ^ SIGN32) - SIGN32
        mask = ((a.mask & U32) ^ SIGN32) - SIGN32
        return Tnum(value >> shift & U32, mask >> shift & U32)
    value = (a.value ^ SIGN64) - SIGN64
    mask = (a.mask ^ SIGN64) - SIGN64
    return Tnum(value >> shift & U64, mask >> shift & U64)


def tnum_add(a: Tnum, b: Tnum) -> Tnum:
    am = a.mask
    bm = b.mask
    known = a.value + b.value
    unknown = (am + bm + known) ^ known | am | bm
    known &= ~unknown
    if unknown >> 64 or known >> 64:
        return Tnum(known & U64, unknown & U64)
    return Tnum(known, unknown)


def tnum_sub(a: Tnum, b: Tnum) -> Tnum:
    am = a.mask
    bm = b.mask
    known = a.value - b.value
    unknown = (known + am) ^ (known - bm) | am | bm
    known &= ~unknown
    if unknown >> 64 or known >> 64:
        return Tnum(known & U64, unknown & U64)
    return Tnum(known, unknown)


def tnum_and(a: Tnum, b: Tnum) -> Tnum:
    value = a.value & b.value
    return Tnum(value, (a.value | a.mask) & (b.value | b.mask) & ~value)


def tnum_or(a: Tnum, b: Tnum) -> Tnum:
    value = a.value | b.value
    return Tnum(value, (a.mask | b.mask) & ~value)


def tnum_xor(a: Tnum, b: Tnum) -> Tnum:
    mask = a.mask | b.mask
    return Tnum((a.value ^ b.value) & ~mask, mask)


def tnum_mul(a: Tnum, b: Tnum) -> Tnum:
    """Long multiplication; the known parts multiply exactly, the doubts of each partial product add up."""
    value = a.value
    mask = a.mask
    known = b.value
    doubt = b.mask
    sum_value = 0
    sum_mask = 0
    while value or mask:
        if value & 1:
            extra = doubt
        elif mask & 1:
            extra = known | doubt
        else:
            extra = 0
        if extra:
            carry = (sum_mask + extra + sum_value) ^ sum_value
            unknown = carry | sum_mask | extra
            if unknown >> 64:
                unknown &= U64
            sum_value &= ~unknown
            sum_mask = unknown
        value >>= 1
        mask >>= 1
        known <<= 1
        if known >> 64:
            known &= U64
        doubt <<= 1
        if doubt >> 64:
            doubt &= U64
    return tnum_add(tnum_const(a.value * b.value), Tnum(sum_value, sum_mask))


def tnum_overlap(a: Tnum, b: Tnum) -> bool:
    """Whether some number may be in both."""
    return (a.value ^ b.value) & ~a.mask & ~b.mask == 0


def tnum_intersect(a: Tnum, b: Tnum) -> Tnum:
    """What is in both; where they contradict each other the bit comes out as a known one."""
    mask = a.mask & b.mask
    return Tnum((a.value | b.value) & ~mask, mask)


def tnum_cast(a: Tnum, size: int) -> Tnum:
    """Zero-extension from the low `size` bytes."""
    keep = (1 << size * 8) - 1
    return Tnum(a.value & keep, a.mask & keep)


def tnum_subreg(a: Tnum) -> Tnum:
    return Tnum(a.value & U32, a.mask & U32)


def tnum_clear_subreg(a: Tnum) -> Tnum:
    return Tnum(a.value & ~U32, a.mask & ~U32)


def tnum_with_subreg(a: Tnum, low: Tnum) -> Tnum:
    """`a` with its low 32 bits taken from `low`."""
    return Tnum(a.value & ~U32 | low.value & U32, a.mask & ~U32 | low.mask & U32)


def tnum_const_subreg(a: Tnum, value: int) -> Tnum:
    return Tnum(a.value & ~U32 | value & U32, a.mask & ~U32)


def tnum_is_const(a: Tnum) -> bool:
    return a.mask == 0


def tnum_subreg_is_const(a: Tnum) -> bool:
    return a.mask & U32 == 0


def tnum_is_unknown(a: Tnum) -> bool:
    return a.mask == U64


def tnum_is_aligned(a: Tnum, size: int) -> bool:
    """Whether every member is a multiple of `size` (a power of two; 0: any)."""
    return size == 0 or (a.value | a.mask) & (size - 1) == 0


def tnum_in(a: Tnum, b: Tnum) -> bool:
    """Whether every member of `b` is one of `a`."""
    return b.mask & ~a.mask == 0 and a.value == b.value & ~a.mask


def tnum_sbin(a: Tnum) -> str:
    """64 characters, highest bit first: 0, 1 or x."""
    return "".join("x" if a.mask >> bit & 1 else "1" if a.value >> bit & 1 else "0" for bit in range(63, -1, -1))
