"""Division by a constant, also in the form that compilers emit: a multiplication and a shift.

Solvers are slow with division. The quotient is therefore a new variable q with a remainder r: x = q * d + r and r < d
have exactly one solution without overflow.
"""

from __future__ import annotations

from typing import Any

import z3

from vm.bits import U32, U64
from vm.counterexample.request import Known
from vm.counterexample.state import State
from vm.counterexample.values import Number, widened
from vm.isa import opcodes as o


class Divisions:
    """The quotients on one path, and products that may be the first half of a division."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._made: dict[tuple[int, int, int], tuple[Any, Any, Any]] = {}
        self._products: dict[int, tuple[Any, Any, int, int]] = {}  # id -> product, x, factor, largest x
        self._quotients: dict[int, tuple[Any, Any, int, Any]] = {}  # id -> quotient, x, divisor, remainder
        self._multiples: dict[int, tuple[Any, Any, Any]] = {}  # id -> quotient * divisor, x, remainder

    def divided(self, x: Any, divisor: int) -> tuple[Any, Any]:
        """(quotient, remainder) of a bit-vector."""
        width = x.size()
        key = x.get_id(), divisor, width
        if key not in self._made:
            q, r = self._state.fresh("quotient", width), self._state.fresh("remainder", width)
            most, rest = divmod((1 << width) - 1, divisor)
            self._state.require(z3.And(z3.ULT(r, divisor), z3.ULE(q, most), z3.Or(z3.ULT(q, most), z3.ULE(r, rest))))
            self._state.definitions.append(x == q * divisor + r)
            self._made[key] = x, q, r
        return self._made[key][1:]

    def by_constant(self, code: int, off: int, a: Number, b: Number) -> Number | None:
        """An unsigned division or remainder by a known number; None for anything else."""
        operation = code & 0xF0
        if operation not in (o.DIV, o.MOD) or off or isinstance(a, int) or not isinstance(b, int):
            return None
        width = 64 if code & 7 == o.ALU64 else 32
        divisor = b & ((1 << width) - 1)
        if divisor < 2:
            return None
        x = a if width == 64 else z3.simplify(z3.Extract(31, 0, a))
        return self._result(x, divisor, remainder=operation == o.MOD)

    def _result(self, x: Any, divisor: int, *, remainder: bool) -> Number | None:
        if z3.is_bv_value(x):
            return None
        q, r = self.divided(x, divisor)
        if remainder:
            return widened(r)
        quotient: Any = widened(q)
        self._quotients[quotient.get_id()] = quotient, x, divisor, r
        return quotient

    def scaled(self, product: Any, value: Any, factor: int) -> None:
        """A quotient times its divisor: subtracting it from the dividend gives the remainder."""
        found = self._quotients.get(value.get_id())
        if found is not None and found[2] == factor:
            self._multiples[product.get_id()] = product, found[1], found[3]

    def remaining(self, whole: Any, product: Any) -> Number | None:
        """The remainder that `whole - product` computes; None if it computes something else."""
        found = self._multiples.get(product.get_id())
        if found is None:
            return None
        _, x, remainder = found
        return widened(remainder) if z3.simplify(z3.Extract(x.size() - 1, 0, whole)).eq(x) else None

    def multiplied(self, product: Any, x: Any, factor: int, known: Known | None) -> None:
        """Remembers a 64-bit product without overflow: it may be the first half of a division."""
        if known is not None and known.umax <= U32 and known.umax * factor <= U64:
            self._products[product.get_id()] = product, x, factor, known.umax

    def shifted(self, value: Any, count: int) -> Number | None:
        """The quotient that a right shift of a product computes, if it is one for all possible values; else None."""
        found = self._products.get(value.get_id())
        if found is None or not 0 < count < 64:
            return None
        _, x, factor, most = found
        divisor = -(-(1 << count) // factor)
        # Round-up method: floor(x * m / 2^k) is floor(x / d) for x <= most if 2^k <= m * d <= 2^k + 2^k / (most + 1).
        excess = factor * divisor - (1 << count)
        if divisor < 2 or excess < 0 or excess * (most + 1) > 1 << count:
            return None
        low = z3.simplify(z3.Extract(31, 0, x))
        return self._result(low, divisor, remainder=False)
