"""Functions that make the instructions of rewrites (the BPF_* macros of include/linux/filter.h)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn

R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 = range(11)
AX: Final = bpf.REG_AX
FP: Final = bpf.REG_FP
NOP: Final = Insn(bpf.JMP | bpf.JA)
EXIT: Final = Insn(bpf.JMP | bpf.EXIT)
NOSPEC: Final = Insn(bpf.ST | 0xC0)
SIZE_OF_BYTES: Final = {1: bpf.B, 2: bpf.H, 4: bpf.W, 8: bpf.DW}


def s32(value: int) -> int:
    """The low 32 bits as a signed number."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value & 0x80000000 else value


def alu64_imm(op: int, dst: int, imm: int) -> Insn:
    return Insn(bpf.ALU64 | op | bpf.K, dst, 0, 0, s32(imm))


def alu32_imm(op: int, dst: int, imm: int) -> Insn:
    return Insn(bpf.ALU | op | bpf.K, dst, 0, 0, s32(imm))


def alu64_reg(op: int, dst: int, src: int) -> Insn:
    return Insn(bpf.ALU64 | op | bpf.X, dst, src)


def alu32_reg(op: int, dst: int, src: int) -> Insn:
    return Insn(bpf.ALU | op | bpf.X, dst, src)


def mov64_imm(dst: int, imm: int) -> Insn:
    return alu64_imm(bpf.MOV, dst, imm)


def mov32_imm(dst: int, imm: int) -> Insn:
    return alu32_imm(bpf.MOV, dst, imm)


def mov64_reg(dst: int, src: int) -> Insn:
    return alu64_reg(bpf.MOV, dst, src)


def mov64_percpu(dst: int, src: int) -> Insn:
    """dst = the address of per-CPU data src on this CPU."""
    return Insn(bpf.ALU64 | bpf.MOV | bpf.X, dst, src, -1)


def ldx(size: int, dst: int, src: int, off: int) -> Insn:
    return Insn(bpf.LDX | bpf.MEM | size, dst, src, off)


def stx(size: int, dst: int, src: int, off: int) -> Insn:
    return Insn(bpf.STX | bpf.MEM | size, dst, src, off)


def st(size: int, dst: int, off: int, imm: int) -> Insn:
    return Insn(bpf.ST | bpf.MEM | size, dst, 0, off, s32(imm))


def jmp_imm(op: int, dst: int, imm: int, off: int) -> Insn:
    return Insn(bpf.JMP | op | bpf.K, dst, 0, off, s32(imm))


def jmp32_imm(op: int, dst: int, imm: int, off: int) -> Insn:
    return Insn(bpf.JMP32 | op | bpf.K, dst, 0, off, s32(imm))


def jmp_reg(op: int, dst: int, src: int, off: int) -> Insn:
    return Insn(bpf.JMP | op | bpf.X, dst, src, off)


def jmp32_reg(op: int, dst: int, src: int, off: int) -> Insn:
    return Insn(bpf.JMP32 | op | bpf.X, dst, src, off)


def ja(off: int) -> Insn:
    return Insn(bpf.JMP | bpf.JA, 0, 0, off)


def call(helper_id: int = 0) -> Insn:
    return Insn(bpf.JMP | bpf.CALL, 0, 0, 0, helper_id)
