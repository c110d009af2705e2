"""Objects in symbolic execution, and their bytes."""

from __future__ import annotations

from typing import Any, Final

import z3

from vm.bits import U64
from vm.counterexample.values import (
    Condition,
    Number,
    Pointer,
    UnsupportedError,
    Value,
    add,
    bits,
    boolean,
    settled,
    signed_of,
    widened,
)

MAX_VARIABLE: Final = 512
"""Bytes that a write of an unknown size can cover."""


class Bytes:
    """Content by address. The initial content is chosen by the solver.

    Bytes at known addresses are stored as (value, number of the byte in it), so that a value that is written and read
    as a whole stays the same. As long as all addresses are known, each initial byte is a variable (`first`), which is
    faster for solvers than an array; an access to an unknown address moves all bytes to the array.
    """

    def __init__(self, name: str, initial: Any | None = None) -> None:
        self.initial: Any = z3.Array(name, z3.BitVecSort(64), z3.BitVecSort(8)) if initial is None else initial
        self.array: Any = self.initial
        self.known: dict[int, tuple[Value, int]] = {}
        self.first: dict[int, Any] = {}
        self._name = name
        self._plain = initial is None  # nothing was stored in the array yet

    def _byte(self, at: Number) -> Any:
        """A byte as a bit-vector of eight bits."""
        if isinstance(at, int) and at in self.known:
            value, number = self.known[at]
            return _part(value, number)
        if isinstance(at, int) and self._plain:
            if at not in self.first:
                self.first[at] = z3.BitVec(f"{self._name}[{at}]", 8)
            return self.first[at]
        return z3.Select(self.array, bits(at))

    def load(self, at: Number, size: int) -> Value:
        """A little-endian number, or the pointer that was stored there as a whole."""
        if isinstance(at, int):
            found = self.known.get(at)
            if found is not None and found[1] == 0:
                same = all(_same(self.known.get((at + i) & U64), found[0], i) for i in range(1, size))
                if same and size == 8:
                    return found[0]
                if same and isinstance(found[0], int):
                    return found[0] & ((1 << 8 * size) - 1)
                if same and not isinstance(found[0], Pointer):
                    return widened(z3.Extract(8 * size - 1, 0, found[0]))
        else:
            self._settle()
        parts = [self._byte(add(at, i)) for i in range(size)]
        return widened(z3.Concat(*reversed(parts)) if size > 1 else parts[0])

    def store(self, at: Number, size: int, value: Value) -> None:
        if isinstance(at, int):
            for i in range(size):
                self.known[(at + i) & U64] = value, i
            return
        self._settle()
        for i in range(size):
            self.array = z3.Store(self.array, bits(add(at, i)), _part(value, i))

    def put_byte(self, at: Number, byte: Any) -> None:
        """A byte of eight bits."""
        self.store(at, 1, widened(byte))

    def byte(self, at: Number) -> Any:
        if not isinstance(at, int):
            self._settle()
        return self._byte(at)

    def forget(self, name: str) -> None:
        """Makes the content unknown."""
        self.known.clear()
        self._plain = False
        self.array = z3.Array(name, z3.BitVecSort(64), z3.BitVecSort(8))

    def zeros(self, first: int, count: int) -> Any:
        """A condition: initial bytes that were not read at a known address are 0."""
        if self._plain:
            return z3.BoolVal(True)  # bytes without a variable are unconstrained
        unread = (at & U64 for at in range(first, first + count) if at & U64 not in self.first)
        return z3.And([z3.Select(self.initial, z3.BitVecVal(at, 64)) == 0 for at in unread])

    def first_byte(self, at: int) -> Any:
        """The initial byte at an address."""
        return self.first[at] if at in self.first else z3.Select(self.initial, z3.BitVecVal(at, 64))

    def _settle(self) -> None:
        if self._plain:
            self._plain = False
            for at, byte in self.first.items():
                self.array = z3.Store(self.array, z3.BitVecVal(at, 64), byte)
        for at, (value, number) in self.known.items():
            self.array = z3.Store(self.array, z3.BitVecVal(at, 64), _part(value, number))
        self.known.clear()


def _same(found: tuple[Value, int] | None, value: Value, number: int) -> bool:
    return found is not None and found[0] is value and found[1] == number


def _part(value: Value, number: int) -> Any:
    whole = number_of(value)
    if isinstance(whole, int):
        return z3.BitVecVal(whole >> 8 * number & 0xFF, 8)
    return z3.simplify(z3.Extract(8 * number + 7, 8 * number, whole))


class Object:
    """An object that a pointer points into.

    kind   -- stack, packet, ctx, map, value (of a map), memory, kernel, function
    low, high -- its bytes are [low, high), relative to the address of the first pointer to it
    origin -- index of offset 0 in `bytes`
    """

    def __init__(
        self, kind: str, name: str, low: Number, high: Number, *, content: Bytes | None = None, origin: Number = 0,
        writable: bool = True,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.name = name
        self.low = low
        self.high = high
        self.content = content if content is not None else Bytes(name)
        self.origin = origin
        self.writable = writable
        self.written: set[int] | None = None  # of a stack frame: the offsets that were written
        self.details: dict[str, Any] = {}
        self._address: Any = None

    @property
    def address(self) -> Any:
        """Its address, an unknown number that is not 0."""
        if self._address is None:
            self._address = z3.BitVec(f"address of {self.name}", 64)
        return self._address

    def at(self, off: Number) -> Number:
        return add(self.origin, off)

    def load(self, off: Number, size: int) -> Value:
        return self.content.load(self.at(off), size)

    def store(self, off: Number, size: int, value: Value) -> None:
        self.content.store(self.at(off), size, value)
        self.wrote(off, size)

    def wrote(self, off: Number, size: int) -> None:
        if self.written is not None and isinstance(off, int):
            self.written.update(signed_of((off + i) & U64) for i in range(size))

    def put(self, off: Number, size: Number, most: int, data: list[Any], when: Condition = True) -> None:
        """Writes the first `size` of the bytes `data` (eight bits each), if `when` holds; size is at most `most`."""
        if not isinstance(size, int) and most > MAX_VARIABLE:
            raise UnsupportedError(f"a write of up to {most:,} bytes whose size is not known")
        for i in range(size if isinstance(size, int) else most):
            inside = True if isinstance(size, int) else z3.ULT(z3.BitVecVal(i, 64), size)
            wanted = z3.simplify(z3.And(boolean(when), boolean(inside)))
            at = self.at(add(off, i))
            if z3.is_true(wanted):
                self.content.put_byte(at, data[i])
            elif not z3.is_false(wanted):
                self.content.put_byte(at, z3.If(wanted, data[i], self.content.byte(at)))
        if isinstance(size, int):
            self.wrote(off, size)
        elif self.written is not None:
            self.wrote(off, most)


def number_of(value: Value) -> Number:
    """A value as a number: that of a pointer is its address."""
    if not isinstance(value, Pointer):
        return value
    address = settled(value.obj.address + bits(value.off))
    if value.null is False:
        return address
    return settled(z3.If(boolean(value.null), z3.BitVecVal(0, 64), bits(address)))
