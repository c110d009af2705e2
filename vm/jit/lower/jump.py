"""Comparisons before a conditional jump, and which x86 condition each BPF jump is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.jit import encode as x86
from vm.jit.encode import Cond
from vm.jit.registers import BPF_TO_X86

Lower = Callable[[Insn], bytes]

CONDITIONS: Final = {
    bpf.JEQ: Cond.E,
    bpf.JNE: Cond.NE,
    bpf.JSET: Cond.NE,
    bpf.JGT: Cond.A,
    bpf.JLT: Cond.B,
    bpf.JGE: Cond.AE,
    bpf.JLE: Cond.BE,
    bpf.JSGT: Cond.G,
    bpf.JSLT: Cond.L,
    bpf.JSGE: Cond.GE,
    bpf.JSLE: Cond.LE,
}


def compare(insn: Insn) -> bytes:
    """cmp or test of the jump's operands; comparing with zero is the shorter test of a register with itself."""
    wide = bpf.cls(insn.code) == bpf.JMP
    dst = BPF_TO_X86[insn.dst_reg]
    bits = bpf.op(insn.code) == bpf.JSET
    if bpf.src(insn.code) == bpf.X:
        src = BPF_TO_X86[insn.src_reg]
        return x86.test(dst, src, wide) if bits else x86.group1("cmp", dst, src, wide)
    if bits:
        return x86.reg_only(b"\xf7", 0, dst, wide) + x86.le32(insn.imm)
    if insn.imm == 0:
        return x86.test(dst, dst, wide)
    if x86.fits8(insn.imm):
        return x86.reg_only(b"\x83", 7, dst, wide) + x86.le8(insn.imm)
    return x86.reg_only(b"\x81", 7, dst, wide) + x86.le32(insn.imm)


def _table() -> dict[int, Cond]:
    return {
        cls | op | src: cond
        for cls in (bpf.JMP, bpf.JMP32)
        for op, cond in CONDITIONS.items()
        for src in (bpf.K, bpf.X)
    }


TABLE: Final = _table()
