"""Arithmetic and comparisons of RFC 9669, on unsigned numbers of 64 or 32 bits. Values in, values out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.isa import opcodes as o


def signed(value: int, bits: int) -> int:
    """The low `bits` bits as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _truncate(quotient: int, negative: bool) -> int:
    return -quotient if negative else quotient


def div(a: int, b: int, bits: int) -> int:
    """Section 4.1: division by zero gives zero."""
    return a // b if b else 0


def mod(a: int, b: int, bits: int) -> int:
    """Section 4.1: modulo zero leaves the destination as it was."""
    return a % b if b else a


def sdiv(a: int, b: int, bits: int) -> int:
    """Rounds toward zero; the most negative number divided by -1 is itself (LLONG_MIN in C terms)."""
    x, y = signed(a, bits), signed(b, bits)
    return _truncate(abs(x) // abs(y), (x < 0) != (y < 0)) if y else 0


def smod(a: int, b: int, bits: int) -> int:
    """The sign of the dividend."""
    x, y = signed(a, bits), signed(b, bits)
    return _truncate(abs(x) % abs(y), x < 0) if y else a


# (dst, src, bits) -> result, cut to `bits` by the caller; shift counts are masked by width - 1.
BINARY: Final[dict[int, Callable[[int, int, int], int]]] = {
    o.ADD: lambda a, b, bits: a + b,
    o.SUB: lambda a, b, bits: a - b,
    o.MUL: lambda a, b, bits: a * b,
    o.DIV: div,
    o.MOD: mod,
    o.OR: lambda a, b, bits: a | b,
    o.AND: lambda a, b, bits: a & b,
    o.XOR: lambda a, b, bits: a ^ b,
    o.MOV: lambda a, b, bits: b,
    o.LSH: lambda a, b, bits: a << (b & (bits - 1)),
    o.RSH: lambda a, b, bits: a >> (b & (bits - 1)),
    o.ARSH: lambda a, b, bits: signed(a, bits) >> (b & (bits - 1)),
}

JUMPS: Final[dict[int, Callable[[int, int, int], bool]]] = {
    o.JEQ: lambda a, b, bits: a == b,
    o.JNE: lambda a, b, bits: a != b,
    o.JGT: lambda a, b, bits: a > b,
    o.JGE: lambda a, b, bits: a >= b,
    o.JLT: lambda a, b, bits: a < b,
    o.JLE: lambda a, b, bits: a <= b,
    o.JSET: lambda a, b, bits: (a & b) != 0,
    o.JSGT: lambda a, b, bits: signed(a, bits) > signed(b, bits),
    o.JSGE: lambda a, b, bits: signed(a, bits) >= signed(b, bits),
    o.JSLT: lambda a, b, bits: signed(a, bits) < signed(b, bits),
    o.JSLE: lambda a, b, bits: signed(a, bits) <= signed(b, bits),
}

ATOMICS: Final[dict[int, Callable[[int, int], int]]] = {
    o.ADD: lambda a, b: a + b,
    o.OR: lambda a, b: a | b,
    o.AND: lambda a, b: a & b,
    o.XOR: lambda a, b: a ^ b,
}


# Valid values of the offset field: widths of sign extensions, 1 for signed division.
_NO_OFFSET: Final = (0,)
_OFFSETS: Final = {o.MOV: (0, 8, 16, 32), o.DIV: (0, 1), o.MOD: (0, 1)}


def byteswap(value: int, bits: int) -> int:
    return int.from_bytes((value & ((1 << bits) - 1)).to_bytes(bits // 8, "little"), "big")


def alu(code: int, off: int, a: int, b: int, imm: int) -> int:
    """Result of an ALU or ALU64 instruction, 64 bits; 32-bit instructions clear the upper half.

    a, b -- destination and source operand, 64-bit unsigned; imm is looked at for END only.
    Raises KeyError for an opcode that does not exist.
    """
    bits = 64 if code & 7 == o.ALU64 else 32
    mask = (1 << bits) - 1
    operation = code & 0xF0
    if off not in _OFFSETS.get(operation, _NO_OFFSET) or (off == 32 and bits == 32):
        raise KeyError(off)
    if operation == o.END:
        if imm not in (16, 32, 64) or (bits == 64 and code & 8):
            raise KeyError(imm)
        if bits == 64 or code & 8 == o.TO_BE:
            return byteswap(a, imm)
        return a & ((1 << imm) - 1)
    if operation == o.NEG:
        return -a & mask
    a &= mask
    b &= mask
    if operation == o.MOV and off:
        return signed(b, off) & mask
    if off == 1 and operation == o.DIV:
        return sdiv(a, b, bits) & mask
    if off == 1 and operation == o.MOD:
        return smod(a, b, bits) & mask
    return BINARY[operation](a, b, bits) & mask
