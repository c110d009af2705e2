"""Laws of bounds, exhaustively over small sets of numbers at the places where numbers wrap.

A window is a few neighbouring numbers around 0, 2^31, 2^32 or 2^63; a set is an interval of one, described by
all facts that are true of it. Every operation is tried on every pair of sets and held against every pair of members.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator

import pytest

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32, U64
from vm.isa import opcodes as bpf
from vm.verifier.domain import branch, scalar
from vm.verifier.domain.arith import scalar_alu, shift_linked
from vm.verifier.domain.scalar import UNKNOWN, Scalar, bounds_sync, const, s32, s64
from vm.verifier.domain.tnum import Tnum

WIDTH = 4
EDGES = (0, 1 << 31, 1 << 32, 1 << 63)
# Numbers that mean something else as 32 bits or as signed ones.
WINDOWS = tuple(tuple(edge - WIDTH // 2 + i & U64 for i in range(WIDTH)) for edge in EDGES)
FULL = Scalar(Tnum(0, U64), S64_MIN, S64_MAX, 0, U64, S32_MIN, S32_MAX, 0, U32)

Set = tuple[Scalar, tuple[int, ...]]


def described(members: tuple[int, ...], facts: int = 31) -> Scalar:
    """The tightest description; bit by bit `facts` says which of its five parts are known, the rest are open."""
    changing = 0
    for x in members:
        changing |= x ^ members[0]
    lows = [x & U32 for x in members]
    return Scalar(
        Tnum(members[0] & ~changing, changing) if facts & 1 else FULL.var_off,
        min(map(s64, members)) if facts & 2 else S64_MIN,
        max(map(s64, members)) if facts & 2 else S64_MAX,
        min(members) if facts & 4 else 0,
        max(members) if facts & 4 else U64,
        min(map(s32, members)) if facts & 8 else S32_MIN,
        max(map(s32, members)) if facts & 8 else S32_MAX,
        min(lows) if facts & 16 else 0,
        max(lows) if facts & 16 else U32,
    )


def intervals(window: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for low, high in itertools.combinations(range(len(window) + 1), 2):
        yield window[low:high]


@functools.cache
def sets() -> tuple[Set, ...]:
    """Intervals of all windows, tightly described."""
    return tuple((bounds_sync(described(m)), m) for window in WINDOWS for m in intervals(window))


@functools.cache
def loose_sets() -> tuple[Set, ...]:
    """The widest intervals, of which only some facts are known."""
    return tuple((bounds_sync(described(w, facts)), w) for w in WINDOWS for facts in range(32))


def holds(a: Scalar, x: int) -> bool:
    low = x & U32
    return (
        x & ~a.var_off.mask == a.var_off.value
        and a.umin <= x <= a.umax
        and a.smin <= s64(x) <= a.smax
        and a.u32_min <= low <= a.u32_max
        and a.s32_min <= s32(low) <= a.s32_max
    )


def within(a: Scalar, b: Scalar) -> bool:
    """Whether all that `a` admits is admitted by `b`, part by part."""
    return (
        a.var_off.mask & ~b.var_off.mask == 0
        and a.var_off.value & ~b.var_off.mask == b.var_off.value
        and b.umin <= a.umin <= a.umax <= b.umax
        and b.smin <= a.smin <= a.smax <= b.smax
        and b.u32_min <= a.u32_min <= a.u32_max <= b.u32_max
        and b.s32_min <= a.s32_min <= a.s32_max <= b.s32_max
    )


def test_sync_keeps_members_narrows_and_settles() -> None:
    for window in WINDOWS:
        for members in intervals(window):
            for facts in range(32):
                loose = described(members, facts)
                found = bounds_sync(loose)
                assert all(holds(found, x) for x in members), (members, facts)
                assert within(found, loose)
                assert scalar.violation(found) == ""
                again = bounds_sync(found)
                assert within(again, found)
                assert bounds_sync(again) == again, (members, facts)


def test_sync_of_one_number_tells_it_by_any_part_that_says_it() -> None:
    for x in itertools.chain(*WINDOWS):
        for facts in (1, 2, 4):
            assert bounds_sync(described((x,), facts)) == const(x)
        low = bounds_sync(described((x,), 8))
        assert low == bounds_sync(described((x,), 16)) and low.u32_min == low.u32_max == x & U32


Concrete = Callable[[int, int], int]
BINARY: dict[str, tuple[int, Concrete]] = {
    "add": (bpf.ADD, lambda x, y: x + y),
    "sub": (bpf.SUB, lambda x, y: x - y),
    "mul": (bpf.MUL, lambda x, y: x * y),
    "and": (bpf.AND, lambda x, y: x & y),
    "or": (bpf.OR, lambda x, y: x | y),
    "xor": (bpf.XOR, lambda x, y: x ^ y),
}


@pytest.mark.parametrize("alu32", [False, True], ids=["alu64", "alu32"])
@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_on_every_pair(name: str, alu32: bool) -> None:
    op, concrete = BINARY[name]
    keep = U32 if alu32 else U64
    for (a, xs), (b, ys) in itertools.product(sets(), repeat=2):
        found = scalar_alu(op, alu32, a, b)
        for x, y in itertools.product(xs, ys):
            assert holds(found, concrete(x, y) & keep), (xs, ys, found)
        assert scalar.violation(found) == ""


@pytest.mark.parametrize("alu32", [False, True], ids=["alu64", "alu32"])
@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_where_little_is_known(name: str, alu32: bool) -> None:
    op, concrete = BINARY[name]
    keep = U32 if alu32 else U64
    for (a, xs), (b, ys) in itertools.product(loose_sets()[::3], loose_sets()[1::5]):
        found = scalar_alu(op, alu32, a, b)
        for x, y in zip(xs, ys, strict=True):
            assert holds(found, concrete(x, y) & keep), (xs, ys, found)


SHIFTS: dict[str, tuple[int, Callable[[int, int, bool], int]]] = {
    "lsh": (bpf.LSH, lambda x, n, w: x << n),
    "rsh": (bpf.RSH, lambda x, n, w: (x & U32 if w else x) >> n),
    "arsh": (bpf.ARSH, lambda x, n, w: (s32(x) if w else s64(x)) >> n),
}


@pytest.mark.parametrize("alu32", [False, True], ids=["alu64", "alu32"])
@pytest.mark.parametrize("name", SHIFTS)
def test_shifts_by_every_number(name: str, alu32: bool) -> None:
    op, concrete = SHIFTS[name]
    keep = U32 if alu32 else U64
    for a, xs in sets() + loose_sets():
        for n in range(32 if alu32 else 64):
            found = scalar_alu(op, alu32, a, const(n))
            assert all(holds(found, concrete(x, n, alu32) & keep) for x in xs), (xs, n, found)
            assert scalar.violation(found) == ""
        assert scalar_alu(op, alu32, a, const(32 if alu32 else 64)) is UNKNOWN


@pytest.mark.parametrize("alu32", [False, True], ids=["alu64", "alu32"])
@pytest.mark.parametrize("op", [bpf.DIV, bpf.MOD])
def test_nothing_is_said_of_quotients(op: int, alu32: bool) -> None:
    for a, _ in sets():
        assert scalar_alu(op, alu32, a, const(3)) is UNKNOWN


@pytest.mark.parametrize("alu32", [False, True], ids=["alu64", "alu32"])
def test_less_known_before_is_no_more_known_after(alu32: bool) -> None:
    """Addition and the bitwise operations are monotone where both operands only lose bounds."""
    for op in (bpf.ADD, bpf.SUB, bpf.AND, bpf.OR, bpf.XOR):
        for window in WINDOWS:
            wide = bounds_sync(described(window))
            for members in intervals(window):
                small = bounds_sync(described(members))
                assert within(small, wide)
                for b, _ in sets()[::3]:
                    fine, coarse = scalar_alu(op, alu32, small, b), scalar_alu(op, alu32, wide, b)
                    assert fine.var_off.mask & ~coarse.var_off.mask == 0, (members, b)
                    assert coarse.umin <= fine.umin and fine.umax <= coarse.umax, (op, members, b, fine, coarse)


def compared(op: int, jmp32: bool, x: int, y: int) -> bool:
    if jmp32:
        x, y = x & U32, y & U32
        sx, sy = s32(x), s32(y)
    else:
        sx, sy = s64(x), s64(y)
    return {
        bpf.JEQ: x == y, bpf.JNE: x != y, bpf.JSET: x & y != 0, bpf.JGT: x > y, bpf.JGE: x >= y,
        bpf.JLT: x < y, bpf.JLE: x <= y, bpf.JSGT: sx > sy, bpf.JSGE: sx >= sy, bpf.JSLT: sx < sy, bpf.JSLE: sx <= sy,
    }[op]  # fmt: skip


@pytest.mark.parametrize("jmp32", [False, True], ids=["jmp", "jmp32"])
@pytest.mark.parametrize("op", sorted(branch.FLIP), ids=lambda op: f"{op:#x}")
def test_both_sides_of_every_jump(op: int, jmp32: bool) -> None:
    for (a, xs), (b, ys) in itertools.product(sets(), repeat=2):
        check_jump(op, jmp32, a, xs, b, ys)


@pytest.mark.parametrize("jmp32", [False, True], ids=["jmp", "jmp32"])
def test_jumps_where_little_is_known(jmp32: bool) -> None:
    for (a, xs), (b, ys) in itertools.product(loose_sets()[::4], loose_sets()[1::6]):
        for op in sorted(branch.FLIP):
            check_jump(op, jmp32, a, xs, b, ys)


def check_jump(op: int, jmp32: bool, a: Scalar, xs: tuple[int, ...], b: Scalar, ys: tuple[int, ...]) -> None:
    taken = branch.is_scalar_branch_taken(a, b, op, jmp32)
    outcomes = {(x, y): compared(op, jmp32, x, y) for x, y in itertools.product(xs, ys)}
    if taken >= 0:
        assert set(outcomes.values()) == {bool(taken)}, (xs, ys)
        return
    for real, with_op in ((True, op), (False, branch.REVERSE[op])):
        ra, rb = branch.refine(a, b, with_op, jmp32)
        for (x, y), outcome in outcomes.items():
            if outcome is real:
                assert holds(ra, x) and holds(rb, y), (op, xs, ys, x, y, ra, rb)


@pytest.mark.parametrize("jmp32", [False, True], ids=["jmp", "jmp32"])
def test_two_known_numbers_leave_no_doubt(jmp32: bool) -> None:
    for x, y in itertools.product(itertools.chain(*WINDOWS), repeat=2):
        for op in branch.FLIP:
            taken = branch.is_scalar_branch_taken(const(x), const(y), op, jmp32)
            assert taken == int(compared(op, jmp32, x, y)), (op, x, y)


def test_a_register_compared_with_itself() -> None:
    for a, xs in sets():
        for op, jmp32 in itertools.product(branch.FLIP, (False, True)):
            for real, with_op in ((True, op), (False, branch.REVERSE[op])):
                found, other = branch.refine(a, a, with_op, jmp32, same_reg=True)
                assert found == other
                assert all(holds(found, x) for x in xs if compared(op, jmp32, x, x) is real)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_extensions_of_every_set(size: int) -> None:
    edges = (1 << 7, 1 << 8, 1 << 15, 1 << 16)
    small = tuple(m for e in edges for m in intervals(tuple(range(e - 3, e + 3))))
    every = [*sets(), *loose_sets(), *((bounds_sync(described(m)), m) for m in small)]
    sign = 1 << size * 8 - 1
    for a, xs in every:
        lows = [x & (1 << size * 8) - 1 for x in xs]
        wide = [(low ^ sign) - sign for low in lows]
        assert all(holds(scalar.coerce_to_size(a, size), low) for low in lows)
        assert all(holds(scalar.coerce_to_size_sx(a, size), x & U64) for x in wide)
        assert all(holds(bounds_sync(scalar.zext_32_to_64(a)), x & U32) for x in xs)
        if size < 4:
            half = bounds_sync(scalar.zext_32_to_64(scalar.coerce_subreg_to_size_sx(a, size)))
            assert all(holds(half, x & U32) for x in wide)


@pytest.mark.parametrize("delta", [-(1 << 31), -5, -1, 0, 1, 3, (1 << 31) - 1])
def test_linked_registers_keep_their_distance(delta: int) -> None:
    for a, xs in sets():
        found = bounds_sync(shift_linked(a, delta))
        assert all(holds(found, x + delta & U64) for x in xs), (xs, delta)


def small_tnums(width: int) -> list[Tnum]:
    return [Tnum(v, m) for v, m in itertools.product(range(1 << width), repeat=2) if not v & m]


@pytest.mark.parametrize("shift", [0, 29, 61])
def test_sync_of_bits_alone(shift: int) -> None:
    """All sets of 5 bits (4 at the ends of a word), with a bound that cuts them."""
    for t in small_tnums(4 if shift == 61 else 5):
        moved = Tnum(t.value << shift & U64, t.mask << shift & U64)
        members = [x for n in range(32) if (x := n << shift & U64) & ~moved.mask == moved.value]
        for bound in range(0, 32, 3):
            top = bound << shift & U64
            kept = [x for x in members if x <= top]
            found = bounds_sync(Scalar(moved, S64_MIN, S64_MAX, 0, top, S32_MIN, S32_MAX, 0, U32))
            assert all(holds(found, x) for x in kept), (moved, top)
