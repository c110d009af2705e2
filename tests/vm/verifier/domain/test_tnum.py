"""Laws of tracked numbers, exhaustively over all tnums of a few bits at both ends of the word."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import pytest

from vm.bits import U32, U64
from vm.verifier.domain import tnum as t
from vm.verifier.domain.tnum import Tnum

WIDTH = 3


def _small(width: int) -> list[Tnum]:
    return [Tnum(value, mask) for value, mask in itertools.product(range(1 << width), repeat=2) if value & mask == 0]


@functools.cache
def _members(a: Tnum) -> list[int]:
    bits = [1 << i for i in range(64) if a.mask >> i & 1]
    return [a.value | sum(chosen) for n in range(len(bits) + 1) for chosen in itertools.combinations(bits, n)]


def _has(a: Tnum, x: int) -> bool:
    return (x ^ a.value) & ~a.mask & U64 == 0


OPS: list[tuple[Callable[[Tnum, Tnum], Tnum], Callable[[int, int], int]]] = [
    (t.tnum_add, lambda x, y: x + y),
    (t.tnum_sub, lambda x, y: x - y),
    (t.tnum_and, lambda x, y: x & y),
    (t.tnum_or, lambda x, y: x | y),
    (t.tnum_xor, lambda x, y: x ^ y),
    (t.tnum_mul, lambda x, y: x * y),
]


@pytest.mark.parametrize("shift", [0, 30, 61])
@pytest.mark.parametrize("abstract,concrete", OPS, ids=[f[0].__name__ for f in OPS])
def test_binary_operations_hold_every_result(
    abstract: Callable[[Tnum, Tnum], Tnum], concrete: Callable[[int, int], int], shift: int
) -> None:
    some = [Tnum(a.value << shift, a.mask << shift) for a in _small(WIDTH)]
    for a, b in itertools.product(some, _small(WIDTH) if abstract is t.tnum_mul else some):
        r = abstract(a, b)
        assert r.value & r.mask == 0 and (r.value | r.mask) <= U64
        for x, y in itertools.product(_members(a), _members(b)):
            assert _has(r, concrete(x, y) & U64), (a, b, r, x, y)


@pytest.mark.parametrize("abstract,concrete", OPS[2:5], ids=["and", "or", "xor"])
def test_bitwise_operations_are_exact(
    abstract: Callable[[Tnum, Tnum], Tnum], concrete: Callable[[int, int], int]
) -> None:
    for a, b in itertools.product(_small(WIDTH), repeat=2):
        results = {concrete(x, y) for x, y in itertools.product(_members(a), _members(b))}
        assert sorted(results) == sorted(_members(abstract(a, b)))


def test_addition_is_as_exact_as_bits_allow() -> None:
    for a, b in itertools.product(_small(WIDTH), repeat=2):
        for abstract, concrete in OPS[:2]:
            results = [concrete(x, y) & U64 for x, y in itertools.product(_members(a), _members(b))]
            changing = 0
            for r in results:
                changing |= r ^ results[0]
            assert abstract(a, b) == Tnum(results[0] & ~changing, changing)


def test_range_is_the_smallest_that_holds_both_ends() -> None:
    for low, high in itertools.combinations_with_replacement(range(17), 2):
        r = t.tnum_range(low, high)
        assert all(_has(r, x) for x in range(low, high + 1))
        assert r.mask + 1 == 1 << (low ^ high).bit_length()
    assert t.tnum_range(0, U64) == t.TNUM_UNKNOWN
    assert t.tnum_range(0, 1 << 63) == t.TNUM_UNKNOWN
    assert t.tnum_range(U64 - 1, U64) == Tnum(U64 - 1, 1)


def test_shifts() -> None:
    for a, n in itertools.product(_small(4), range(5)):
        high = Tnum(a.value << 60, a.mask << 60)
        word = Tnum(a.value << 28, a.mask << 28)
        for x in _members(a):
            assert _has(t.tnum_lshift(high, n), x << 60 << n & U64)
            assert _has(t.tnum_rshift(a, n), x >> n)
            signed = (x << 60) - (1 << 64 if x & 8 else 0)
            assert _has(t.tnum_arshift(high, n, 64), signed >> n & U64)
            signed = (x << 28) - (1 << 32 if x & 8 else 0)
            assert _has(t.tnum_arshift(word, n, 32), signed >> n & U32)


def test_sets() -> None:
    for a, b in itertools.product(_small(WIDTH), repeat=2):
        ma, mb = set(_members(a)), set(_members(b))
        assert t.tnum_in(a, b) == (mb <= ma)
        assert t.tnum_overlap(a, b) == bool(ma & mb)
        if ma & mb:
            assert set(_members(t.tnum_intersect(a, b))) == ma & mb
    assert t.tnum_intersect(t.tnum_const(1), t.tnum_const(2)) == t.tnum_const(3)


def test_halves() -> None:
    a = Tnum(0x1200000034, 0xF000000F00)
    assert t.tnum_subreg(a) == Tnum(0x34, 0xF00)
    assert t.tnum_clear_subreg(a) == Tnum(0x1200000000, 0xF000000000)
    assert t.tnum_with_subreg(a, Tnum(5, 0xFFFFFFFF00000002)) == Tnum(0x1200000005, 0xF000000002)
    assert t.tnum_const_subreg(a, -1) == Tnum(0x12FFFFFFFF, 0xF000000000)
    assert t.tnum_cast(a, 1) == Tnum(0x34, 0)
    assert t.tnum_subreg_is_const(Tnum(1, 0xF00000000)) and not t.tnum_is_const(Tnum(1, 0xF00000000))
    assert t.tnum_is_unknown(t.TNUM_UNKNOWN)


def test_alignment_and_text() -> None:
    assert t.tnum_is_aligned(Tnum(8, 0x30), 8) and not t.tnum_is_aligned(Tnum(8, 4), 8)
    assert t.tnum_is_aligned(Tnum(1, 2), 0)
    assert t.tnum_sbin(Tnum(5, 2)) == "0" * 61 + "1x1"
