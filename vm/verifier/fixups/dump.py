"""Rewritten instructions as a dump shows them (bpf_insn_prepare_dump in kernel/bpf/syscall.c)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.kernel import func_ids
from vm.rewritten import Rewritten

_TAIL_CALL: Final = bpf.JMP | 0xF0


def xlated(rewritten: Rewritten) -> tuple[Insn, ...]:
    """`bpftool prog dump xlated`: opcodes only machine code knows are shown as the ones they came from."""
    return tuple(_shown(insn) for insn in rewritten.insns)


def _shown(insn: Insn) -> Insn:
    code = insn.code
    if code == _TAIL_CALL:
        return insn._replace(code=bpf.JMP | bpf.CALL, imm=func_ids.TAIL_CALL)
    cls, mode = bpf.cls(code), bpf.mode(code)
    if (cls == bpf.LDX and mode == bpf.PROBE_MEM) or (cls in (bpf.LDX, bpf.STX, bpf.ST) and mode == bpf.PROBE_MEM32):
        return insn._replace(code=cls | bpf.MEM | bpf.size(code))
    return insn
