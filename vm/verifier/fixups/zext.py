"""The only explicit zero extension on x86-64: after a 32-bit compare-and-exchange (opt_subreg_zext_lo32_rnd_hi32)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.verifier.fixups.code import Slot, expand

_CMPXCHG32: Final = bpf.STX | bpf.ATOMIC | bpf.W
# A 32-bit move of r0 to itself; imm 1 marks it as the verifier's (BPF_ZEXT_REG).
EXTEND_R0: Final = Insn(bpf.ALU | bpf.MOV | bpf.X, bpf.R0, bpf.R0, 0, 1)


def is_cmpxchg32(insn: Insn) -> bool:
    """Whether it is a 32-bit compare-and-exchange."""
    return insn.code == _CMPXCHG32 and insn.imm == bpf.CMPXCHG


def zext_cmpxchg(slots: list[Slot]) -> list[Slot]:
    """Clear the upper half of r0 where it is read: the processor does not if the comparison succeeds."""
    out: list[Slot] = []
    for slot in slots:
        insn = slot.insn
        if is_cmpxchg32(insn) and slot.aux.zext_dst:
            out += expand(slot, [insn, EXTEND_R0], None)
        else:
            out.append(slot)
    return out
