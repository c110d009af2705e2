"""Calls of bpf_loop() with a known callback become a loop (optimize_bpf_loop in kernel/bpf/verifier.c)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.kernel import func_ids
from vm.kernel.errno import E2BIG
from vm.kernel.types import BPF_MAX_LOOPS
from vm.verifier.fixups.build import (
    R0,
    R1,
    R2,
    R3,
    R6,
    R7,
    R8,
    R10,
    alu64_imm,
    ja,
    jmp_imm,
    jmp_reg,
    ldx,
    mov32_imm,
    mov64_reg,
    stx,
)  # fmt: skip
from vm.verifier.fixups.code import CALL, PatchItem, Slot, Subprog, expand

REG_SIZE: Final = 8
# Where in the sequence the callback is called.
CALL_AT: Final = 12


def optimize_bpf_loop(slots: list[Slot], subprogs: list[Subprog]) -> list[Slot]:
    """Inline the calls that can be inlined; each function with one gets 24 more bytes of stack for three registers."""
    numbered = list(subprogs)
    owner = {id(subprog.start): subprog for subprog in subprogs}
    current = subprogs[0]
    extra = 0
    out: list[Slot] = []
    for i, slot in enumerate(slots):
        starts = owner.get(id(slot))
        if starts is not None:
            current.stack_depth += extra
            current, extra = starts, 0
        insn, aux = slot.insn, slot.aux
        if insn.code == CALL and insn.src_reg == 0 and insn.imm == func_ids.LOOP and aux.loop_fit_for_inline:
            extra = REG_SIZE * 3 + -current.stack_depth % 8
            patch = _loop(-(current.stack_depth + extra))
            new = expand(slot, patch, slots[i + 1] if i + 1 < len(slots) else None)
            new[CALL_AT].callee = numbered[aux.loop_callback_subprogno]
            out += new
        else:
            out.append(slot)
    current.stack_depth += extra
    return out


def _loop(base: int) -> list[PatchItem]:
    """r6 the bound, r7 the counter, r8 the callback's context, saved at `base` of the stack; r0 ends as the count."""
    saved = ((R6, base), (R7, base + REG_SIZE), (R8, base + 2 * REG_SIZE))
    return [
        jmp_imm(bpf.JLE, R1, BPF_MAX_LOOPS, 2),
        mov32_imm(R0, -E2BIG),
        ja(16),
        *(stx(bpf.DW, R10, reg, off) for reg, off in saved),
        mov64_reg(R6, R1),
        mov32_imm(R7, 0),
        mov64_reg(R8, R3),
        jmp_reg(bpf.JGE, R7, R6, 5),
        mov64_reg(R1, R7),
        mov64_reg(R2, R8),
        Insn(CALL, 0, bpf.PSEUDO_CALL),
        alu64_imm(bpf.ADD, R7, 1),
        jmp_imm(bpf.JEQ, R0, 0, -6),
        mov64_reg(R0, R7),
        *(ldx(bpf.DW, reg, R10, off) for reg, off in saved),
    ]
