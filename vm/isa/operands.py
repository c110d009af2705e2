"""Which registers an instruction reads, from its fields alone (is_reg64() and backtrack_insn() agree with it)."""

from __future__ import annotations

from vm.isa import opcodes as o
from vm.isa.insn import Insn


def reads(insn: Insn) -> tuple[int, ...]:
    """Register numbers the instruction reads; for a helper call r1-r5, though its prototype may take fewer."""
    code = insn.code
    cls = o.cls(code)
    if cls in (o.ALU, o.ALU64):
        operation = o.op(code)
        both = () if operation == o.MOV else (insn.dst_reg,)
        if o.src(code) == o.X and operation not in (o.NEG, o.END) and insn.src_reg not in both:
            return (*both, insn.src_reg)
        return both
    if cls == o.LDX:
        return (insn.src_reg,)
    if cls == o.ST:
        return (insn.dst_reg,)
    if cls == o.STX:
        extra = (o.R0,) if o.mode(code) == o.ATOMIC and insn.imm == o.CMPXCHG else ()
        return tuple(dict.fromkeys((insn.dst_reg, insn.src_reg, *extra)))
    if cls == o.LD:
        mode = o.mode(code)
        return () if mode == o.IMM else (6, insn.src_reg) if mode == o.IND else (6,)
    return _jump_reads(insn)


def _jump_reads(insn: Insn) -> tuple[int, ...]:
    operation = o.op(insn.code)
    if operation in (o.JA, o.JCOND):
        return ()
    if operation == o.EXIT:
        return (o.R0,)
    if operation == o.CALL:
        return (1, 2, 3, 4, 5)
    return (insn.dst_reg, insn.src_reg) if o.src(insn.code) == o.X else (insn.dst_reg,)


def target(insn: Insn, idx: int) -> int | None:
    """Slot a jump or subprogram call at slot `idx` goes to, None for anything else."""
    cls = o.cls(insn.code)
    if cls not in (o.JMP, o.JMP32) or o.op(insn.code) == o.EXIT:
        return None
    if o.op(insn.code) == o.CALL:
        return idx + 1 + insn.imm if insn.src_reg == o.PSEUDO_CALL else None
    if cls == o.JMP32 and o.op(insn.code) == o.JA:
        return idx + 1 + insn.imm
    return idx + 1 + insn.off
