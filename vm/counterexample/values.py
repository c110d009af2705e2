"""Values in symbolic execution: 64-bit numbers (int if known, else a z3 bit-vector) and pointers into objects."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import z3

from vm.bits import U64
from vm.isa import opcodes as o
from vm.runner.alu import JUMPS, alu

Number: TypeAlias = "int | Any"
"""int from 0 to 2^64 - 1, or z3.BitVecRef of 64 bits."""
Condition: TypeAlias = "bool | Any"
"""bool or z3.BoolRef."""


class UnsupportedError(Exception):
    """The path does something that is not modelled; the text is shown to the user."""


class Pointer(NamedTuple):
    """The address `off` bytes into an object. null: the condition under which it is NULL (False: never)."""

    obj: Any
    off: Number
    null: Condition = False


Value: TypeAlias = "Number | Pointer"

_OPERATIONS: Final[dict[int, Any]] = {
    o.ADD: lambda a, b, n: a + b,
    o.SUB: lambda a, b, n: a - b,
    o.MUL: lambda a, b, n: a * b,
    o.DIV: lambda a, b, n: z3.If(b == 0, z3.BitVecVal(0, n), z3.UDiv(a, b)),
    o.MOD: lambda a, b, n: z3.If(b == 0, a, z3.URem(a, b)),
    o.OR: lambda a, b, n: a | b,
    o.AND: lambda a, b, n: a & b,
    o.XOR: lambda a, b, n: a ^ b,
    o.MOV: lambda a, b, n: b,
    o.LSH: lambda a, b, n: a << (b & (n - 1)),
    o.RSH: lambda a, b, n: z3.LShR(a, b & (n - 1)),
    o.ARSH: lambda a, b, n: a >> (b & (n - 1)),
}
_SIGNED: Final[dict[int, Any]] = {
    o.DIV: lambda a, b, n: z3.If(b == 0, z3.BitVecVal(0, n), a / b),
    o.MOD: lambda a, b, n: z3.If(b == 0, a, z3.SRem(a, b)),
}
_COMPARISONS: Final[dict[int, Any]] = {
    o.JEQ: lambda a, b: a == b,
    o.JNE: lambda a, b: a != b,
    o.JGT: z3.UGT,
    o.JGE: z3.UGE,
    o.JLT: z3.ULT,
    o.JLE: z3.ULE,
    o.JSET: lambda a, b: (a & b) != 0,
    o.JSGT: lambda a, b: a > b,
    o.JSGE: lambda a, b: a >= b,
    o.JSLT: lambda a, b: a < b,
    o.JSLE: lambda a, b: a <= b,
}


def is_known(value: Any) -> bool:
    return isinstance(value, int)


def bits(value: Number, width: int = 64) -> Any:
    """The low `width` bits as a bit-vector."""
    if isinstance(value, int):
        return z3.BitVecVal(value & ((1 << width) - 1), width)
    return value if width == 64 else z3.Extract(width - 1, 0, value)


def settled(value: Any) -> Number:
    """Simplifies a 64-bit bit-vector; an int if it is constant."""
    if isinstance(value, int):
        return value & U64
    value = z3.simplify(value)
    return value.as_long() if z3.is_bv_value(value) else value


def decided(condition: Any) -> Condition:
    """Simplifies a condition; a bool if it is constant."""
    if isinstance(condition, bool):
        return condition
    condition = z3.simplify(condition)
    if z3.is_true(condition):
        return True
    return False if z3.is_false(condition) else condition


def boolean(condition: Condition) -> Any:
    return z3.BoolVal(condition) if isinstance(condition, bool) else condition


def widened(value: Any) -> Number:
    """Zero-extends a bit-vector to 64 bits."""
    width = value.size()
    return settled(value if width == 64 else z3.ZeroExt(64 - width, value))


def signed_of(value: Number) -> int:
    """A known number as a signed one."""
    assert isinstance(value, int)
    return value - (1 << 64) if value >> 63 else value


def add(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        return (a + b) & U64
    return settled(bits(a) + bits(b))


def choose(condition: Condition, a: Number, b: Number) -> Number:
    condition = decided(condition)
    if isinstance(condition, bool):
        return a if condition else b
    if isinstance(a, int) and isinstance(b, int) and a == b:
        return a
    return settled(z3.If(condition, bits(a), bits(b)))


def arithmetic(code: int, off: int, a: Number, b: Number, imm: int) -> Number:
    """vm.runner.alu.alu() for numbers that may be unknown."""
    if isinstance(a, int) and isinstance(b, int):
        try:
            return alu(code, off, a, b, imm)
        except KeyError:
            raise UnsupportedError(f"an arithmetic instruction with the opcode {code:#04x}") from None
    width = 64 if code & 7 == o.ALU64 else 32
    operation = code & 0xF0
    if operation == o.END:
        return _end(code, a, imm, width)
    x, y = bits(a, width), bits(b, width)
    if operation == o.NEG:
        return widened(-x)
    if operation == o.MOV and off:
        return widened(z3.SignExt(width - off, z3.Extract(off - 1, 0, y)))
    table = _SIGNED if off == 1 and operation in _SIGNED else _OPERATIONS
    if operation not in table:
        raise UnsupportedError(f"an arithmetic instruction with the opcode {code:#04x}")
    return widened(table[operation](x, y, width))


def _end(code: int, a: Number, imm: int, width: int) -> Number:
    if imm not in (16, 32, 64):
        raise UnsupportedError("a byte swap of an unknown width")
    low = bits(a, imm)
    if width == 64 or code & 8 == o.TO_BE:
        low = z3.Concat(*[z3.Extract(8 * i + 7, 8 * i, low) for i in range(imm // 8)])
    return widened(low)


def comparison(operation: int, a: Number, b: Number, width: int) -> Condition:
    """The condition under which a conditional jump is taken."""
    if isinstance(a, int) and isinstance(b, int):
        mask = (1 << width) - 1
        return JUMPS[operation](a & mask, b & mask, width)
    return decided(_COMPARISONS[operation](bits(a, width), bits(b, width)))


def outside(off: Number, size: Number, low: Number, high: Number) -> Condition:
    """Whether [off, off + size) is not inside [low, high); offsets are signed, size is unsigned and not 0."""
    if all(isinstance(each, int) for each in (off, size, low, high)):
        at = signed_of(off)
        return at < signed_of(low) or at + size > signed_of(high)
    # 66 bits cannot overflow.
    wide = [z3.SignExt(2, bits(each)) for each in (off, low, high)]
    end = wide[0] + z3.ZeroExt(2, bits(size))
    return decided(z3.Or(wide[0] < wide[1], end > wide[2]))
