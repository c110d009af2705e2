"""Symbolic arithmetic and memory agree with the interpreter's on numbers that are known after all."""

from __future__ import annotations

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from vm.counterexample.answers import ALSO, BEFORE_THE_WALK, NO_FAULT, UNINITIALIZED, memory_rules
from vm.counterexample.memory import Bytes
from vm.counterexample.values import arithmetic, comparison, outside
from vm.isa import opcodes as o
from vm.runner.alu import JUMPS, alu
from vm.verifier.rules.catalogue import all_rules

OPERATIONS = (o.ADD, o.SUB, o.MUL, o.DIV, o.MOD, o.OR, o.AND, o.XOR, o.MOV, o.LSH, o.RSH, o.ARSH, o.NEG)
U64 = (1 << 64) - 1
EDGES = (0, 1, 31, 32, 63, 64, 1 << 31, 1 << 63, U64)
NUMBERS = st.one_of(st.integers(0, U64), st.sampled_from(EDGES))


def symbolic(value: int, name: str) -> tuple[z3.BitVecRef, z3.BoolRef]:
    made = z3.BitVec(name, 64)
    return made, made == value


def number(value: object, *facts: z3.BoolRef) -> int:
    if isinstance(value, int):
        return value
    solver = z3.Solver()
    solver.add(*facts)
    assert solver.check() == z3.sat
    return int(solver.model().eval(value, model_completion=True).as_long())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(OPERATIONS), st.sampled_from((o.ALU, o.ALU64)), st.booleans(), NUMBERS, NUMBERS)
def test_arithmetic_is_the_interpreters(operation: int, cls: int, signed: bool, a: int, b: int) -> None:
    off = 1 if signed and operation in (o.DIV, o.MOD) else 0
    x, x_is = symbolic(a, "x")
    y, y_is = symbolic(b, "y")
    code = cls | operation | o.X
    assert number(arithmetic(code, off, x, y, 0), x_is, y_is) == alu(code, off, a, b, 0)
    assert arithmetic(code, off, a, b, 0) == alu(code, off, a, b, 0)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from((8, 16, 32)), NUMBERS)
def test_sign_extension_is_the_interpreters(width: int, value: int) -> None:
    x, x_is = symbolic(value, "x")
    code = o.ALU64 | o.MOV | o.X
    assert number(arithmetic(code, width, 0, x, 0), x_is) == alu(code, width, 0, value, 0)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(((o.ALU, o.TO_BE), (o.ALU, o.TO_LE), (o.ALU64, 0))), st.sampled_from((16, 32, 64)), NUMBERS)
def test_byte_swaps_are_the_interpreters(kind: tuple[int, int], width: int, value: int) -> None:
    x, x_is = symbolic(value, "x")
    code = kind[0] | o.END | kind[1]
    assert number(arithmetic(code, 0, x, 0, width), x_is) == alu(code, 0, value, 0, width)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(JUMPS)), st.sampled_from((32, 64)), NUMBERS, NUMBERS)
def test_comparisons_are_the_interpreters(operation: int, width: int, a: int, b: int) -> None:
    mask = (1 << width) - 1
    wanted = JUMPS[operation](a & mask, b & mask, width)
    x, x_is = symbolic(a, "x")
    taken = comparison(operation, x, b, width)
    solver = z3.Solver()
    solver.add(x_is, taken)
    assert (solver.check() == z3.sat) == wanted
    assert comparison(operation, a, b, width) == wanted


@settings(max_examples=150, deadline=None)
@given(st.integers(-600, 600), st.integers(1, 80), st.integers(-512, 0), st.integers(0, 600))
def test_bounds_are_those_of_whole_numbers(off: int, size: int, low: int, high: int) -> None:
    wanted = off < low or off + size > high
    assert outside(off & U64, size, low & U64, high & U64) == wanted
    x, x_is = symbolic(off & U64, "x")
    solver = z3.Solver()
    solver.add(x_is, outside(x, size, low & U64, high & U64))
    assert (solver.check() == z3.sat) == wanted


def test_an_access_that_wraps_around_is_outside() -> None:
    x = z3.BitVec("x", 64)
    solver = z3.Solver()
    solver.add(x == U64 - 3, z3.Not(outside(x, 8, 0, 64)))
    assert solver.check() == z3.unsat


WRITES = st.lists(st.tuples(st.integers(0, 24), st.sampled_from((1, 2, 4, 8)), NUMBERS, st.booleans()), max_size=6)


@settings(max_examples=80, deadline=None)
@given(WRITES, st.integers(0, 24), st.sampled_from((1, 2, 4, 8)))
def test_memory_gives_what_was_written(writes: list[tuple[int, int, int, bool]], at: int, size: int) -> None:
    """Through known and unknown addresses, whole and in parts."""
    plain = bytearray(40)
    memory = Bytes("m", z3.K(z3.BitVecSort(64), z3.BitVecVal(0, 8)))
    facts = []
    for i, (where, width, value, unknown) in enumerate(writes):
        plain[where : where + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        place: object = where
        if unknown:
            place, fact = symbolic(where, f"place {i}")
            facts.append(fact)
        memory.store(place, width, value)
    assert number(memory.load(at, size), *facts) == int.from_bytes(plain[at : at + size], "little")


def test_every_rule_without_a_fault_is_a_memory_rule() -> None:
    names = {rule.name for rule in all_rules()}
    assert set(NO_FAULT) <= memory_rules()
    assert names >= set(NO_FAULT) | ALSO | BEFORE_THE_WALK | UNINITIALIZED
    assert not BEFORE_THE_WALK & memory_rules()
    for sentence in NO_FAULT.values():
        assert sentence.endswith(".")


@pytest.mark.parametrize("divisor", [3, 7, 10, 48, 1000])
def test_a_multiplication_that_divides_is_recognised(divisor: int) -> None:
    from vm.counterexample.division import Divisions
    from vm.counterexample.request import Known, Request
    from vm.counterexample.state import State

    shift = 32 + (divisor - 1).bit_length() - 1
    factor = -(-(1 << shift) // divisor)
    while factor * divisor - (1 << shift) > (1 << shift) >> 32 and shift < 63:
        shift += 1
        factor = -(-(1 << shift) // divisor)
    if factor >> 32:
        return  # that needs more than a multiplication and a shift
    request = Request("syscall", (), (), {}, (), "", -1, {}, 0, 0, "", False)
    state = State(request)
    divisions = Divisions(state)
    x = z3.ZeroExt(32, z3.BitVec("x", 32))
    product = z3.simplify(x * factor)
    known = Known(1, 0, 0, (1 << 32) - 1, 0, (1 << 32) - 1, 0, (1 << 32) - 1, 0, -1, False, 0, 0)
    divisions.multiplied(product, x, factor, known)
    quotient = divisions.shifted(product, shift)
    assert quotient is not None
    for value in (0, 1, divisor - 1, divisor, 12345, (1 << 32) - 1):
        facts = [*state.constraints, *state.definitions, z3.BitVec("x", 32) == value]
        assert number(quotient, *facts) == value // divisor
