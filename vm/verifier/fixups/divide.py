"""Divisions that cannot trap: x / 0 is 0, x % 0 is x, x / -1 is a negation (do_misc_fixups)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.verifier.fixups.build import AX, alu32_reg, ja, mov32_imm, mov64_reg
from vm.verifier.fixups.code import PatchItem

CODES_X: Final = frozenset(cls | op | bpf.X for cls in (bpf.ALU, bpf.ALU64) for op in (bpf.DIV, bpf.MOD))
CODES_K: Final = frozenset(cls | op | bpf.K for cls in (bpf.ALU, bpf.ALU64) for op in (bpf.DIV, bpf.MOD))
SIGNED: Final = 1


def by_minus_one(insn: Insn) -> list[PatchItem]:
    """Signed division by the constant -1 is a negation, modulo it 0."""
    cls = bpf.cls(insn.code)
    if bpf.op(insn.code) == bpf.DIV:
        return [Insn(cls | bpf.NEG | bpf.K, insn.dst_reg)]
    return [mov32_imm(insn.dst_reg, 0)]


def guarded(insn: Insn) -> list[PatchItem]:
    """A division by a register, with the cases handled before it in which the processor's instruction would trap."""
    wide = bpf.cls(insn.code) == bpf.ALU64
    alu, jmp = (bpf.ALU64, bpf.JMP) if wide else (bpf.ALU, bpf.JMP32)
    dst, src = insn.dst_reg, insn.src_reg
    divides = bpf.op(insn.code) == bpf.DIV
    # A 32-bit modulo by zero still clears the upper half.
    clear_upper: list[PatchItem] = [] if wide else [ja(1), Insn(bpf.ALU | bpf.MOV | bpf.X, dst, dst)]
    if insn.off != SIGNED:
        if divides:
            return [Insn(jmp | bpf.JNE | bpf.K, src, 0, 2), alu32_reg(bpf.XOR, dst, dst), ja(1), insn]
        return [Insn(jmp | bpf.JEQ | bpf.K, src, 0, 1 if wide else 2), insn, *clear_upper]
    # AX = src + 1 is above 1 for every divisor but 0 and -1.
    test: list[PatchItem] = [mov64_reg(AX, src), Insn(alu | bpf.ADD | bpf.K, AX, 0, 0, 1)]
    if divides:
        return [
            *test,
            Insn(jmp | bpf.JGT | bpf.K, AX, 0, 4, 1),
            Insn(jmp | bpf.JEQ | bpf.K, AX, 0, 1, 0),
            Insn(alu | bpf.MOV | bpf.K, dst, 0, 0, 0),
            Insn(alu | bpf.NEG | bpf.K, dst),
            ja(1),
            insn,
        ]
    return [
        *test,
        Insn(jmp | bpf.JGT | bpf.K, AX, 0, 3, 1),
        Insn(jmp | bpf.JEQ | bpf.K, AX, 0, 3 if wide else 4, 1),
        mov32_imm(dst, 0),
        ja(1),
        insn,
        *clear_upper,
    ]
