"""Arithmetic on two sets of numbers (adjust_scalar_min_max_vals).

Every operation takes and returns Scalars. Two known operands give one known result without any of the
bound arithmetic: the general rules have the same result.
"""

from __future__ import annotations

from typing import Final

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32, U64
from vm.isa.opcodes import ADD, AND, ARSH, LSH, MUL, OR, RSH, SUB, XOR
from vm.verifier.domain.scalar import UNKNOWN, Scalar, const, s32, s64, sync
from vm.verifier.domain.tnum import (
    SIGN32,
    SIGN64,
    Tnum,
    tnum_add,
    tnum_and,
    tnum_arshift,
    tnum_mul,
    tnum_or,
    tnum_sub,
    tnum_xor,
)

_U16: Final = 0xFFFF


def _u64(value: int) -> int:
    """The low 64 bits. A mask of 64 bits is no small integer, and most numbers need none."""
    return value & U64 if value >> 64 else value


def is_known(a: Scalar) -> bool:
    """One number, and every bound agrees."""
    value = a.var_off.value
    return a.var_off.mask == 0 and a.umin == value and a.umax == value and a.smin == a.smax


def computable(op: int, alu32: bool, src: Scalar) -> bool:
    """Whether the result is tracked: not for division, for shifts only by a constant in range."""
    if op in (ADD, SUB, AND, XOR, OR, MUL):
        return True
    if op not in (LSH, RSH, ARSH):
        return False
    if alu32:
        if src.var_off.mask & U32 or src.s32_min != src.s32_max or src.u32_min != src.u32_max:
            return False
        return src.umax < 32
    return not src.var_off.mask and src.smin == src.smax and src.umin == src.umax and src.umax < 64


def scalar_alu(op: int, alu32: bool, dst: Scalar, src: Scalar) -> Scalar:
    """`dst op src` for ALU64 or, with alu32, ALU (the upper half becomes zero); UNKNOWN if not `computable`.

    op -- the operation bits of the opcode (ADD … ARSH). Division and modulo give UNKNOWN.
    """
    if not computable(op, alu32, src):
        return UNKNOWN
    if is_known(dst) and is_known(src):
        return const(_fold(op, alu32, dst.var_off.value, src.var_off.value))
    if op == ADD:
        return _add(alu32, dst, src)
    if op == SUB:
        return _sub(alu32, dst, src)
    if op == MUL:
        return _mul(alu32, dst, src)
    if op == AND:
        return _and(alu32, dst, src)
    if op == OR:
        return _or(alu32, dst, src)
    if op == XOR:
        return _xor(alu32, dst, src)
    if op == LSH:
        return _lsh32(dst, src.u32_min) if alu32 else _lsh64(dst, src.umin)
    if op == RSH:
        return _rsh32(dst, src.u32_min) if alu32 else _rsh64(dst, src.umin)
    return _arsh32(dst, src.u32_min) if alu32 else _arsh64(dst, src.umin)


def _fold(op: int, alu32: bool, a: int, b: int) -> int:
    """The operation on two concrete numbers."""
    if op == ADD:
        result = a + b
    elif op == SUB:
        result = a - b
    elif op == MUL:
        result = a * b
    elif op == AND:
        result = a & b
    elif op == OR:
        result = a | b
    elif op == XOR:
        result = a ^ b
    elif op == LSH:
        result = a << b
    elif op == RSH:
        result = (a & U32) >> b if alu32 else a >> b
    else:
        result = s32(a) >> b if alu32 else s64(a) >> b
    if alu32:
        return result & U32
    return _u64(result)


def _finish(
    alu32: bool,
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
    """Zero-extension of 32-bit results, then sync."""
    if not alu32:
        return sync(v, m, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)
    if s32_min >= 0 and s32_max >= 0:
        smin = s32_min
        smax = s32_max
    else:
        smin = 0
        smax = U32
    return sync(v & U32, m & U32, smin, smax, u32_min, u32_max, s32_min, s32_max, u32_min, u32_max)


def _add(alu32: bool, a: Scalar, b: Scalar) -> Scalar:
    s32_min = a.s32_min + b.s32_min
    s32_max = a.s32_max + b.s32_max
    if s32_min < S32_MIN or s32_min > S32_MAX or s32_max < S32_MIN or s32_max > S32_MAX:
        s32_min = S32_MIN
        s32_max = S32_MAX
    u32_min = a.u32_min + b.u32_min
    u32_max = a.u32_max + b.u32_max
    if u32_min > U32 or u32_max > U32:
        u32_min = 0
        u32_max = U32
    smin = a.smin + b.smin
    smax = a.smax + b.smax
    if smin >> 63 not in (0, -1) or smax >> 63 not in (0, -1):
        smin = S64_MIN
        smax = S64_MAX
    umin = a.umin + b.umin
    umax = a.umax + b.umax
    if umin >> 64 or umax >> 64:
        umin = 0
        umax = U64
    t = tnum_add(a.var_off, b.var_off)
    return _finish(alu32, t.value, t.mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)


def _sub(alu32: bool, a: Scalar, b: Scalar) -> Scalar:
    s32_min = a.s32_min - b.s32_max
    s32_max = a.s32_max - b.s32_min
    if s32_min < S32_MIN or s32_min > S32_MAX or s32_max < S32_MIN or s32_max > S32_MAX:
        s32_min = S32_MIN
        s32_max = S32_MAX
    if a.u32_min < b.u32_max:
        u32_min = 0
        u32_max = U32
    else:
        u32_min = a.u32_min - b.u32_max
        u32_max = a.u32_max - b.u32_min & U32
    smin = a.smin - b.smax
    smax = a.smax - b.smin
    if smin >> 63 not in (0, -1) or smax >> 63 not in (0, -1):
        smin = S64_MIN
        smax = S64_MAX
    if a.umin < b.umax:
        umin = 0
        umax = U64
    else:
        umin = a.umin - b.umax
        umax = _u64(a.umax - b.umin)
    t = tnum_sub(a.var_off, b.var_off)
    return _finish(alu32, t.value, t.mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)


def _mul(alu32: bool, a: Scalar, b: Scalar) -> Scalar:
    t = tnum_mul(a.var_off, b.var_off)
    s32_min = S32_MIN
    s32_max = S32_MAX
    u32_min = 0
    u32_max = U32
    if a.s32_min >= 0 and b.s32_min >= 0 and a.u32_max <= _U16 and b.u32_max <= _U16:
        u32_min = a.u32_min * b.u32_min & U32
        u32_max = a.u32_max * b.u32_max
        if u32_max <= S32_MAX:
            s32_min = u32_min
            s32_max = u32_max
    smin = S64_MIN
    smax = S64_MAX
    umin = 0
    umax = U64
    if a.smin >= 0 and b.smin >= 0 and a.umax <= U32 and b.umax <= U32:
        umin = _u64(a.umin * b.umin)
        umax = a.umax * b.umax
        if umax <= S64_MAX:
            smin = umin
            smax = umax
    return _finish(alu32, t.value, t.mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)


def _bitwise(alu32: bool, b: Scalar, t: Tnum, umin: int, umax: int, u32_min: int, u32_max: int) -> Scalar:
    """The common end of AND, OR and XOR: `t` is the result's tnum, the others are its unsigned bounds."""
    v = t.value
    m = t.mask
    if m == 0 and b.var_off.mask == 0:
        return const(v & U32 if alu32 else v)
    low = v & U32
    low_mask = m & U32
    if low_mask == 0 and b.var_off.mask & U32 == 0:
        u32_min = u32_max = low
        s32_min = s32_max = (low ^ SIGN32) - SIGN32
    else:
        s32_min = (u32_min ^ SIGN32) - SIGN32
        s32_max = (u32_max ^ SIGN32) - SIGN32
        if s32_min > s32_max:
            s32_min = S32_MIN
            s32_max = S32_MAX
    if alu32:
        # Zero-extension uses the 32-bit bounds, so they are first refined by the bits.
        s32_min = max(s32_min, ((low | low_mask & SIGN32) ^ SIGN32) - SIGN32)
        s32_max = min(s32_max, ((low | low_mask & S32_MAX) ^ SIGN32) - SIGN32)
        u32_min = max(u32_min, low)
        u32_max = min(u32_max, low | low_mask)
        return _finish(True, v, m, 0, 0, 0, 0, s32_min, s32_max, u32_min, u32_max)
    smin = (umin ^ SIGN64) - SIGN64
    smax = (umax ^ SIGN64) - SIGN64
    if smin > smax:
        smin = S64_MIN
        smax = S64_MAX
    return sync(v, m, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)


def _and(alu32: bool, a: Scalar, b: Scalar) -> Scalar:
    t = tnum_and(a.var_off, b.var_off)
    return _bitwise(alu32, b, t, t.value, min(a.umax, b.umax), t.value & U32, min(a.u32_max, b.u32_max))


def _or(alu32: bool, a: Scalar, b: Scalar) -> Scalar:
    t = tnum_or(a.var_off, b.var_off)
    highest = t.value | t.mask
    return _bitwise(alu32, b, t, max(a.umin, b.umin), highest, max(a.u32_min, b.u32_min), highest & U32)


def _xor(alu32: bool, a: Scalar, b: Scalar) -> Scalar:
    t = tnum_xor(a.var_off, b.var_off)
    highest = t.value | t.mask
    return _bitwise(alu32, b, t, t.value, highest, t.value & U32, highest & U32)


def _sub32_result(v: int, m: int, s32_min: int, s32_max: int, u32_min: int, u32_max: int) -> Scalar:
    """A 32-bit shift's result: bounds from bits first, because zero-extension copies the bounds."""
    s32_min = max(s32_min, ((v | m & SIGN32) ^ SIGN32) - SIGN32)
    s32_max = min(s32_max, ((v | m & S32_MAX) ^ SIGN32) - SIGN32)
    return _finish(True, v, m, 0, 0, 0, 0, s32_min, s32_max, max(u32_min, v), min(u32_max, v | m))


def _lsh32(a: Scalar, shift: int) -> Scalar:
    v = a.var_off.value << shift & U32
    m = a.var_off.mask << shift & U32
    if a.u32_max > 1 << (31 - shift):
        return _sub32_result(v, m, S32_MIN, S32_MAX, 0, U32)
    return _sub32_result(v, m, S32_MIN, S32_MAX, a.u32_min << shift & U32, a.u32_max << shift)


def _lsh64(a: Scalar, shift: int) -> Scalar:
    v = _u64(a.var_off.value << shift)
    m = _u64(a.var_off.mask << shift)
    smin = S64_MIN
    smax = S64_MAX
    if shift == 32:  # the first half of a sign extension: the low half's sign becomes the sign
        smin = a.s32_min << 32
        smax = a.s32_max << 32
    umin = 0
    umax = U64
    if a.umax <= 1 << (63 - shift):
        umin = _u64(a.umin << shift)
        umax = a.umax << shift
    u32_min = 0
    u32_max = U32
    if shift <= 31 and a.u32_max <= 1 << (31 - shift):
        u32_min = a.u32_min << shift & U32
        u32_max = a.u32_max << shift
    return sync(v, m, smin, smax, umin, umax, S32_MIN, S32_MAX, u32_min, u32_max)


def _rsh32(a: Scalar, shift: int) -> Scalar:
    v = (a.var_off.value & U32) >> shift
    m = (a.var_off.mask & U32) >> shift
    return _sub32_result(v, m, S32_MIN, S32_MAX, a.u32_min >> shift, a.u32_max >> shift)


def _rsh64(a: Scalar, shift: int) -> Scalar:
    return sync(
        a.var_off.value >> shift,
        a.var_off.mask >> shift,
        S64_MIN,
        S64_MAX,
        a.umin >> shift,
        a.umax >> shift,
        S32_MIN,
        S32_MAX,
        0,
        U32,
    )


def _arsh32(a: Scalar, shift: int) -> Scalar:
    t = tnum_arshift(a.var_off, shift, 32)
    return _sub32_result(t.value, t.mask, a.s32_min >> shift, a.s32_max >> shift, 0, U32)


def _arsh64(a: Scalar, shift: int) -> Scalar:
    t = tnum_arshift(a.var_off, shift, 64)
    return sync(t.value, t.mask, a.smin >> shift, a.smax >> shift, 0, U64, S32_MIN, S32_MAX, 0, U32)


def pointer_add(ptr: Scalar, off: Scalar) -> Scalar:
    """Variable part of `pointer + off`: 64 bits only (pointers keep no 32-bit bounds), not synced."""
    smin = ptr.smin + off.smin
    smax = ptr.smax + off.smax
    if smin >> 63 not in (0, -1) or smax >> 63 not in (0, -1):
        smin = S64_MIN
        smax = S64_MAX
    umin = ptr.umin + off.umin
    umax = ptr.umax + off.umax
    if umin >> 64 or umax >> 64:
        umin = 0
        umax = U64
    t = tnum_add(ptr.var_off, off.var_off)
    return Scalar(t, smin, smax, umin, umax, S32_MIN, S32_MAX, 0, U32)


def pointer_sub(ptr: Scalar, off: Scalar) -> Scalar:
    """Variable part of `pointer - off`, not synced."""
    smin = ptr.smin - off.smax
    smax = ptr.smax - off.smin
    if smin >> 63 not in (0, -1) or smax >> 63 not in (0, -1):
        smin = S64_MIN
        smax = S64_MAX
    if ptr.umin < off.umax:
        umin = 0
        umax = U64
    else:
        umin = ptr.umin - off.umax
        umax = _u64(ptr.umax - off.umin)
    t = tnum_sub(ptr.var_off, off.var_off)
    return Scalar(t, smin, smax, umin, umax, S32_MIN, S32_MAX, 0, U32)


def without_bounds32(a: Scalar) -> Scalar:
    """`a` with unbounded 32-bit pairs, not synced (__mark_reg32_unbounded)."""
    return Scalar(a.var_off, a.smin, a.smax, a.umin, a.umax, S32_MIN, S32_MAX, 0, U32)


def shift_linked(a: Scalar, delta: int) -> Scalar:
    """`a + delta` for a register at a constant distance from another, as found: not synced (sync_linked_regs)."""
    b = const(delta)
    s32_min = a.s32_min + b.s32_min
    s32_max = a.s32_max + b.s32_max
    if s32_min < S32_MIN or s32_min > S32_MAX or s32_max < S32_MIN or s32_max > S32_MAX:
        s32_min = S32_MIN
        s32_max = S32_MAX
    u32_min = a.u32_min + b.u32_min
    u32_max = a.u32_max + b.u32_max
    if u32_min > U32 or u32_max > U32:
        u32_min = 0
        u32_max = U32
    wide = pointer_add(a, b)
    return Scalar(wide.var_off, wide.smin, wide.smax, wide.umin, wide.umax, s32_min, s32_max, u32_min, u32_max)
