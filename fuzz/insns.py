"""Instructions, and places on the stack, that random programs are made of."""

from __future__ import annotations

from typing import Final

from fuzz.world import KFUNC
from vm.isa import opcodes as o
from vm.isa.insn import Insn

BUFFER: Final = -288
"""The buffer of 64 bytes that calls read and write, as an offset from r10."""
SLOT: Final = -216
"""The stack slot of iterators and spilled pointers; a dynptr has this one and the one below."""


def ldx(size: int, dst: int, src: int, off: int) -> Insn:
    """dst = *(size *)(src + off)"""
    return Insn(o.LDX | o.MEM | size, dst, src, off)


def stx(size: int, dst: int, src: int, off: int) -> Insn:
    """*(size *)(dst + off) = src"""
    return Insn(o.STX | o.MEM | size, dst, src, off)


def st(size: int, dst: int, off: int, imm: int) -> Insn:
    """*(size *)(dst + off) = imm"""
    return Insn(o.ST | o.MEM | size, dst, 0, off, imm)


def load_map(dst: int, number: int) -> list[Insn]:
    """dst = the map of that number in WIDE_MAPS"""
    return [Insn(o.LD_IMM64, dst, o.PSEUDO_MAP_FD, 0, number), Insn(0)]


def kfunc(name: str) -> Insn:
    """A call of a kernel function."""
    return Insn(o.JMP | o.CALL, 0, o.PSEUDO_KFUNC_CALL, 0, KFUNC[name])


def local(number: int) -> Insn:
    """A call of the program's function of that number."""
    return Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, number + 1)


def address(dst: int, number: int) -> list[Insn]:
    """dst = address of the program's function of that number"""
    return [Insn(o.LD_IMM64, dst, o.PSEUDO_FUNC, 0, number), Insn(0)]


def skip(op: int, reg: int, imm: int, body: list[Insn]) -> list[Insn]:
    """The body, jumped over if the condition holds."""
    return [Insn(o.JMP | op | o.K, reg, 0, len(body), imm), *body]
