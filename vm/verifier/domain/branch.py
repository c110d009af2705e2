"""Conditional jumps: known outcomes, and refined values on both branches.

is_scalar_branch_taken() and regs_refine_cond_op() as pure functions.
"""

from __future__ import annotations

from typing import Final, final

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32, U64
from vm.isa.opcodes import JEQ, JGE, JGT, JLE, JLT, JNE, JSET, JSGE, JSGT, JSLE, JSLT, X
from vm.native import mypyc_attr
from vm.verifier.domain.scalar import Scalar, s32, s64, same, sync

JSET_FALSE: Final = JSET | X
"""The negation of JSET, for which there is no opcode."""

FLIP: Final = {
    JEQ: JEQ,
    JNE: JNE,
    JSET: JSET,
    JGE: JLE,
    JGT: JLT,
    JLE: JGE,
    JLT: JGT,
    JSGE: JSLE,
    JSGT: JSLT,
    JSLE: JSGE,
    JSLT: JSGT,
}
"""a op b is b FLIP[op] a."""

REVERSE: Final = {
    JEQ: JNE,
    JNE: JEQ,
    JSET: JSET_FALSE,
    JSET_FALSE: JSET,
    JGE: JLT,
    JGT: JLE,
    JLE: JGT,
    JLT: JGE,
    JSGE: JSLT,
    JSGT: JSLE,
    JSLE: JSGT,
    JSLT: JSGE,
}
"""a op b is false exactly when a REVERSE[op] b holds."""


def _equal(a: Scalar, b: Scalar, jmp32: bool) -> int:
    """1: certainly equal, 0: certainly not, -1: either."""
    unknown = a.var_off.mask | b.var_off.mask
    differ = a.var_off.value ^ b.var_off.value
    if jmp32:
        unknown &= U32
        differ &= U32
    if unknown == 0:
        return 1 if differ == 0 else 0
    if differ & ~unknown:
        return 0
    if not jmp32 and (a.umin > b.umax or a.umax < b.umin or a.smin > b.smax or a.smax < b.smin):
        return 0
    if a.u32_min > b.u32_max or a.u32_max < b.u32_min or a.s32_min > b.s32_max or a.s32_max < b.s32_min:
        return 0
    return -1


def _mask(a: Scalar, jmp32: bool) -> int:
    """The unknown bits of the compared value."""
    return a.var_off.mask & U32 if jmp32 else a.var_off.mask


def _bit_set(a: Scalar, b: Scalar, jmp32: bool) -> int:
    if _mask(b, jmp32):
        a, b = b, a
    if _mask(b, jmp32):
        return -1
    want = b.var_off.value & U32 if jmp32 else b.var_off.value
    if a.var_off.value & ~a.var_off.mask & want:
        return 1
    if (a.var_off.value | a.var_off.mask) & want == 0:
        return 0
    return -1


def _greater(amin: int, amax: int, bmin: int, bmax: int) -> int:
    if amin > bmax:
        return 1
    return 0 if amax <= bmin else -1


def _greater_equal(amin: int, amax: int, bmin: int, bmax: int) -> int:
    if amin >= bmax:
        return 1
    return 0 if amax < bmin else -1


def is_scalar_branch_taken(a: Scalar, b: Scalar, op: int, jmp32: bool) -> int:
    """1: `a op b` always holds, 0: never, -1: unknown."""
    if op == JEQ:
        return _equal(a, b, jmp32)
    if op == JNE:
        equal = _equal(a, b, jmp32)
        return equal if equal < 0 else 1 - equal
    if op == JSET:
        return _bit_set(a, b, jmp32)
    if op in (JGT, JGE, JLT, JLE):
        if jmp32:
            amin, amax, bmin, bmax = a.u32_min, a.u32_max, b.u32_min, b.u32_max
        else:
            amin, amax, bmin, bmax = a.umin, a.umax, b.umin, b.umax
    elif jmp32:
        amin, amax, bmin, bmax = a.s32_min, a.s32_max, b.s32_min, b.s32_max
    else:
        amin, amax, bmin, bmax = a.smin, a.smax, b.smin, b.smax
    if op in (JGT, JSGT):
        return _greater(amin, amax, bmin, bmax)
    if op in (JGE, JSGE):
        return _greater_equal(amin, amax, bmin, bmax)
    if op in (JLT, JSLT):
        return _greater(bmin, bmax, amin, amax)
    return _greater_equal(bmin, bmax, amin, amax)


def _all_known(a: Scalar) -> bool:
    """Whether bits and all bounds are one number."""
    return (
        a.var_off.mask == 0
        and a.umin == a.umax
        and a.smin == a.smax
        and a.u32_min == a.u32_max
        and a.s32_min == a.s32_max
        and a.umin == a.var_off.value
    )


@mypyc_attr(free_list_len=1)
@final
class _Work:
    """A Scalar being refined. Both operands may be one register: then both are one _Work."""

    __slots__ = ("was", "v", "m", "smin", "smax", "umin", "umax", "s32_min", "s32_max", "u32_min", "u32_max")

    def __init__(self, a: Scalar) -> None:
        self.was = a
        self.v = a.var_off.value
        self.m = a.var_off.mask
        self.smin = a.smin
        self.smax = a.smax
        self.umin = a.umin
        self.umax = a.umax
        self.s32_min = a.s32_min
        self.s32_max = a.s32_max
        self.u32_min = a.u32_min
        self.u32_max = a.u32_max

    def synced(self) -> Scalar:
        # A known number, such as the right side of most comparisons, has no bounds to refine.
        if self.m == 0 and self.umin == self.umax == self.v and _all_known(self.was) and self._untouched():
            return self.was
        return sync(
            self.v,
            self.m,
            self.smin,
            self.smax,
            self.umin,
            self.umax,
            self.s32_min,
            self.s32_max,
            self.u32_min,
            self.u32_max,
        )

    def _untouched(self) -> bool:
        was = self.was
        return (
            self.v == was.var_off.value
            and self.smin == was.smin
            and self.smax == was.smax
            and self.s32_min == was.s32_min
            and self.s32_max == was.s32_max
            and self.u32_min == was.u32_min
            and self.u32_max == was.u32_max
        )

    def unbound(self) -> None:
        self.smin = S64_MIN
        self.smax = S64_MAX
        self.umin = 0
        self.umax = U64
        self.s32_min = S32_MIN
        self.s32_max = S32_MAX
        self.u32_min = 0
        self.u32_max = U32


def refine(a: Scalar, b: Scalar, op: int, jmp32: bool, same_reg: bool = False) -> tuple[Scalar, Scalar]:
    """`a` and `b` where `a op b` holds (op may be JSET_FALSE), synced.

    same_reg -- both operands are the same register: bounds found for either side apply to it.
    """
    wa = _Work(a)
    wb = wa if same_reg else _Work(b)
    if op in (JGE, JGT, JSGE, JSGT):
        _refine(wb, wa, FLIP[op], jmp32)
    else:
        _refine(wa, wb, op, jmp32)
    ra = wa.synced()
    rb = ra if same_reg else wb.synced()
    return (a if same(a, ra) else ra), (b if same(b, rb) else rb)


def _refine(a: _Work, b: _Work, op: int, jmp32: bool) -> None:
    if op == JEQ:
        _refine_equal(a, b, jmp32)
    elif op in (JNE, JSET, JSET_FALSE):
        if (b.m & U32 if jmp32 else b.m) != 0:
            a, b = b, a
        if (b.m & U32 if jmp32 else b.m) != 0:
            return
        value = b.v & U32 if jmp32 else b.v
        if op == JNE:
            _refine_not_equal(a, value, jmp32)
        elif op == JSET:
            # If there is a single bit, it must be set.
            if value and value & (value - 1) == 0:
                a.v |= value
                a.m &= ~value
        else:
            a.unbound()
            a.v &= ~value
            a.m &= ~value
    elif op == JLE:
        if jmp32:
            a.u32_max = min(a.u32_max, b.u32_max)
            b.u32_min = max(a.u32_min, b.u32_min)
        else:
            a.umax = min(a.umax, b.umax)
            b.umin = max(a.umin, b.umin)
    elif op == JLT:
        if jmp32:
            a.u32_max = min(a.u32_max, b.u32_max - 1 & U32)
            b.u32_min = max(a.u32_min + 1 & U32, b.u32_min)
        else:
            a.umax = min(a.umax, b.umax - 1 & U64)
            b.umin = max(a.umin + 1 & U64, b.umin)
    elif op == JSLE:
        if jmp32:
            a.s32_max = min(a.s32_max, b.s32_max)
            b.s32_min = max(a.s32_min, b.s32_min)
        else:
            a.smax = min(a.smax, b.smax)
            b.smin = max(a.smin, b.smin)
    elif op == JSLT:
        if jmp32:
            a.s32_max = min(a.s32_max, s32(b.s32_max - 1))
            b.s32_min = max(s32(a.s32_min + 1), b.s32_min)
        else:
            a.smax = min(a.smax, s64(b.smax - 1))
            b.smin = max(s64(a.smin + 1), b.smin)


def _refine_equal(a: _Work, b: _Work, jmp32: bool) -> None:
    if jmp32:
        a.u32_min = b.u32_min = max(a.u32_min, b.u32_min)
        a.u32_max = b.u32_max = min(a.u32_max, b.u32_max)
        a.s32_min = b.s32_min = max(a.s32_min, b.s32_min)
        a.s32_max = b.s32_max = min(a.s32_max, b.s32_max)
        mask = a.m & b.m & U32
        value = (a.v | b.v) & U32 & ~mask
        a.v = a.v & ~U32 | value
        a.m = a.m & ~U32 | mask
        b.v = b.v & ~U32 | value
        b.m = b.m & ~U32 | mask
        return
    a.umin = b.umin = max(a.umin, b.umin)
    a.umax = b.umax = min(a.umax, b.umax)
    a.smin = b.smin = max(a.smin, b.smin)
    a.smax = b.smax = min(a.smax, b.smax)
    mask = a.m & b.m
    a.v = b.v = (a.v | b.v) & ~mask
    a.m = b.m = mask


def _refine_not_equal(a: _Work, value: int, jmp32: bool) -> None:
    """A bound that is the excluded number moves inwards by one."""
    if jmp32:
        signed = s32(value)
        if a.u32_min == value:
            a.u32_min = a.u32_min + 1 & U32
        if a.u32_max == value:
            a.u32_max = a.u32_max - 1 & U32
        if a.s32_min == signed:
            a.s32_min = s32(a.s32_min + 1)
        if a.s32_max == signed:
            a.s32_max = s32(a.s32_max - 1)
        return
    signed = s64(value)
    if a.umin == value:
        a.umin = a.umin + 1 & U64
    if a.umax == value:
        a.umax = a.umax - 1 & U64
    if a.smin == signed:
        a.smin = s64(a.smin + 1)
    if a.smax == signed:
        a.smax = s64(a.smax - 1)
