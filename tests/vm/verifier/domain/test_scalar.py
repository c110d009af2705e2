"""Bounds: nothing that is in a set may fall out of it, and facts the kernel prints."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32, U64
from vm.isa import opcodes as bpf
from vm.verifier.domain import branch, scalar
from vm.verifier.domain.arith import _fold, computable, pointer_add, pointer_sub, scalar_alu
from vm.verifier.domain.scalar import UNKNOWN, Scalar, const, s32, s64
from vm.verifier.domain.tnum import Tnum

EDGES = [
    0,
    1,
    2,
    31,
    32,
    63,
    0x7F,
    0x80,
    0xFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 32,
    S64_MAX,
    1 << 63,
    U64,
]
numbers = st.one_of(
    st.sampled_from(EDGES),
    st.integers(0, U64),
    st.integers(0, 300),
    st.builds(lambda e, d: (e + d) & U64, st.sampled_from(EDGES), st.integers(-3, 3)),
)


def holds(a: Scalar, x: int) -> bool:
    return (
        x & ~a.var_off.mask & U64 == a.var_off.value
        and a.umin <= x <= a.umax
        and a.smin <= s64(x) <= a.smax
        and a.u32_min <= x & U32 <= a.u32_max
        and a.s32_min <= s32(x) <= a.s32_max
    )


@st.composite
def sets(draw: st.DrawFn) -> tuple[Scalar, int]:
    """A set and one of its members: any mixture of facts that are true of all of a few numbers."""
    members = draw(st.lists(numbers, min_size=1, max_size=3))
    facts = draw(st.integers(0, 31))
    changing = 0
    for x in members:
        changing |= x ^ members[0]
    mask = draw(st.sampled_from([changing, changing | 0xFF, (1 << changing.bit_length()) - 1, U64]))
    x = members[0]
    a = Scalar(
        Tnum(x & ~mask, mask) if facts & 1 else UNKNOWN.var_off,
        min(map(s64, members)) if facts & 2 else S64_MIN,
        max(map(s64, members)) if facts & 2 else S64_MAX,
        min(members) if facts & 4 else 0,
        max(members) if facts & 4 else U64,
        min(map(s32, members)) if facts & 8 else S32_MIN,
        max(map(s32, members)) if facts & 8 else S32_MAX,
        min(m & U32 for m in members) if facts & 16 else 0,
        max(m & U32 for m in members) if facts & 16 else U32,
    )
    return a, x


def within(a: Scalar, b: Scalar) -> bool:
    return (
        a.umin >= b.umin
        and a.umax <= b.umax
        and a.smin >= b.smin
        and a.smax <= b.smax
        and a.u32_min >= b.u32_min
        and a.u32_max <= b.u32_max
        and a.s32_min >= b.s32_min
        and a.s32_max <= b.s32_max
        and a.var_off.mask & ~b.var_off.mask == 0
    )


@given(sets())
@settings(max_examples=300, deadline=None)
def test_sync_only_narrows_and_loses_nothing(case: tuple[Scalar, int]) -> None:
    a, x = case
    r = scalar.bounds_sync(a)
    assert holds(r, x)
    assert within(r, a)
    assert scalar.violation(r) == ""


ALU_OPS = [bpf.ADD, bpf.SUB, bpf.MUL, bpf.AND, bpf.OR, bpf.XOR, bpf.LSH, bpf.RSH, bpf.ARSH]


@given(sets(), sets(), st.sampled_from(ALU_OPS), st.booleans(), st.integers(0, 63))
@settings(max_examples=800, deadline=None)
def test_arithmetic_holds_every_result(
    left: tuple[Scalar, int], right: tuple[Scalar, int], op: int, alu32: bool, shift: int
) -> None:
    a, x = scalar.bounds_sync(left[0]), left[1]
    b, y = scalar.bounds_sync(right[0]), right[1]
    if op in (bpf.LSH, bpf.RSH, bpf.ARSH):
        y = shift & 31 if alu32 else shift
        b = const(y)
    r = scalar_alu(op, alu32, a, b)
    assert holds(r, _fold(op, alu32, x, y)), (a, b, r)
    assert scalar.violation(r) == ""


@given(numbers, numbers, st.sampled_from(ALU_OPS), st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_short_cut_for_known_numbers_agrees_with_the_rules(x: int, y: int, op: int, alu32: bool) -> None:
    y &= 31 if op in (bpf.LSH, bpf.RSH, bpf.ARSH) else U64
    loose = Scalar(Tnum(x, 0), S64_MIN, s64(x), x, x, s32(x), s32(x), x & U32, x & U32)
    assert scalar_alu(op, alu32, loose, const(y)) == scalar_alu(op, alu32, const(x), const(y))


def _compare(op: int, jmp32: bool, x: int, y: int) -> bool:
    if jmp32:
        x, y, sx, sy = x & U32, y & U32, s32(x), s32(y)
    else:
        sx, sy = s64(x), s64(y)
    return {
        bpf.JEQ: x == y,
        bpf.JNE: x != y,
        bpf.JSET: x & y != 0,
        branch.JSET_FALSE: x & y == 0,
        bpf.JGT: x > y,
        bpf.JGE: x >= y,
        bpf.JLT: x < y,
        bpf.JLE: x <= y,
        bpf.JSGT: sx > sy,
        bpf.JSGE: sx >= sy,
        bpf.JSLT: sx < sy,
        bpf.JSLE: sx <= sy,
    }[op]


@given(sets(), sets(), st.sampled_from(sorted(branch.FLIP)), st.booleans(), st.booleans())
@settings(max_examples=800, deadline=None)
def test_branches(left: tuple[Scalar, int], right: tuple[Scalar, int], op: int, jmp32: bool, same_reg: bool) -> None:
    a, x = scalar.bounds_sync(left[0]), left[1]
    b, y = (a, x) if same_reg else (scalar.bounds_sync(right[0]), right[1])
    real = _compare(op, jmp32, x, y)
    assert branch.is_scalar_branch_taken(a, b, op, jmp32) in (-1, int(real))
    assert _compare(branch.FLIP[op], jmp32, y, x) == real
    assert _compare(branch.REVERSE[op], jmp32, x, y) != real
    ra, rb = branch.refine(a, b, op if real else branch.REVERSE[op], jmp32, same_reg)
    assert holds(ra, x) and holds(rb, y), (ra, rb)


@given(sets(), st.sampled_from([1, 2, 4]))
@settings(max_examples=300, deadline=None)
def test_extensions(case: tuple[Scalar, int], size: int) -> None:
    a, x = scalar.bounds_sync(case[0]), case[1]
    low = x & (1 << size * 8) - 1
    sign = 1 << size * 8 - 1
    assert holds(scalar.coerce_to_size(a, size), low)
    assert holds(scalar.coerce_to_size_sx(a, size), (low ^ sign) - sign & U64)
    assert holds(scalar.bounds_sync(scalar.zext_32_to_64(a)), x & U32)
    if size < 4:
        r = scalar.bounds_sync(scalar.zext_32_to_64(scalar.coerce_subreg_to_size_sx(a, size)))
        assert holds(r, (low ^ sign) - sign & U32)


@given(sets(), sets())
@settings(max_examples=200, deadline=None)
def test_pointer_offsets(left: tuple[Scalar, int], right: tuple[Scalar, int]) -> None:
    a, x = scalar.bounds_sync(left[0]), left[1]
    b, y = scalar.bounds_sync(right[0]), right[1]
    assert holds(scalar.bounds_sync(pointer_add(a, b)), x + y & U64)
    assert holds(scalar.bounds_sync(pointer_sub(a, b)), x - y & U64)


def test_what_is_never_computed() -> None:
    assert scalar_alu(bpf.DIV, False, const(6), const(2)) is UNKNOWN
    assert scalar_alu(bpf.LSH, True, const(6), const(32)) is UNKNOWN
    assert scalar_alu(bpf.LSH, False, const(6), UNKNOWN) is UNKNOWN
    assert not computable(bpf.RSH, False, const(64))


def test_a_byte_load_masked_and_shifted() -> None:
    byte = scalar.coerce_to_size(UNKNOWN, 1)
    assert (byte.smin, byte.umax, byte.s32_max, byte.var_off) == (0, 255, 255, Tnum(0, 0xFF))
    shifted = scalar_alu(bpf.LSH, False, byte, const(2))
    assert (shifted.umax, shifted.smax, shifted.var_off) == (1020, 1020, Tnum(0, 0x3FC))
    assert scalar_alu(bpf.AND, False, UNKNOWN, const(0xF0)).umax == 0xF0


def test_sign_extension_by_two_shifts() -> None:
    small = scalar.bounded(UNKNOWN, s32_min=-5, s32_max=7)
    r = scalar_alu(bpf.ARSH, False, scalar_alu(bpf.LSH, False, small, const(32)), const(32))
    assert (r.smin, r.smax) == (-5, 7)


def test_a_signed_check_joined_with_an_unsigned_one() -> None:
    _, low = branch.refine(const(0), UNKNOWN, bpf.JSLE, False)
    r, _ = branch.refine(low, const(10), bpf.JLT, False)
    assert (r.smin, r.smax, r.umin, r.umax, r.u32_max, r.var_off) == (0, 9, 0, 9, 9, Tnum(0, 15))


def test_contradictions_are_named() -> None:
    r, _ = branch.refine(scalar.bounded(UNKNOWN, umax=5), const(9), bpf.JGT, False)
    assert scalar.violation(r) == "range bounds violation"
    assert scalar.violation(scalar.unbounded(Tnum(3, 0))) == "const tnum out of sync with range bounds"
    assert scalar.violation(UNKNOWN) == ""


def test_small_constants_are_shared() -> None:
    assert const(7) is const(7) and const(-1).smin == -1 and const(-1).umax == U64
