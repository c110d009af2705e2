"""Helper calls that are replaced by a few instructions (part of do_misc_fixups in kernel/bpf/verifier.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.kernel import func_ids
from vm.kernel.addresses import CPU_NUMBER
from vm.kernel.errno import EINVAL, ENOENT, EOPNOTSUPP
from vm.kernel.types import BPF_MODIFY_RETURN, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT
from vm.rewritten import AddressRef
from vm.verifier.fixups.build import (
    EXIT,
    R0,
    R1,
    R2,
    R3,
    R6,
    alu32_imm,
    alu32_reg,
    alu64_imm,
    alu64_reg,
    call,
    ja,
    jmp32_reg,
    jmp_imm,
    ldx,
    mov32_imm,
    mov64_imm,
    mov64_percpu,
    mov64_reg,
    stx,
)  # fmt: skip
from vm.verifier.fixups.code import Named, PatchItem, load_address

PERF_BRANCH_ENTRY: Final = 24


class Hook(NamedTuple):
    """The program's type and attach type, which some helpers' code depends on."""

    prog_type: int
    attach_type: int


Inline = Callable[[Hook], list[PatchItem]]


def _smp_processor_id(hook: Hook) -> list[PatchItem]:
    return [mov32_imm(R0, CPU_NUMBER), mov64_percpu(R0, R0), ldx(bpf.W, R0, R0, 0)]


def _jiffies64(hook: Hook) -> list[PatchItem]:
    return [*load_address(R0, AddressRef("ksym", "jiffies")), ldx(bpf.DW, R0, R0, 0)]


def _kptr_xchg(hook: Hook) -> list[PatchItem]:
    return [mov64_reg(R0, R2), Insn(bpf.STX | bpf.ATOMIC | bpf.DW, R1, R0, 0, bpf.XCHG)]


def _branch_snapshot(hook: Hook) -> list[PatchItem]:
    """Entries are 24 bytes: the size is divided by 3 with a multiplication, then by 8."""
    return [
        jmp_imm(bpf.JNE, R3, 0, 7),
        mov32_imm(R0, 0xAAAAAAAB),
        alu64_reg(bpf.MUL, R2, R0),
        alu64_imm(bpf.RSH, R2, 36),
        Named(call(), AddressRef("helper", "perf_snapshot_branch_stack")),
        jmp_imm(bpf.JEQ, R0, 0, 4),
        alu32_imm(bpf.MUL, R0, PERF_BRANCH_ENTRY),
        ja(3),
        mov64_imm(R0, -EINVAL),
        ja(1),
        mov64_imm(R0, -ENOENT),
    ]


def _func_arg(hook: Hook) -> list[PatchItem]:
    """The number of arguments is stored in the 8 bytes before the first argument, to which the context points."""
    return [
        ldx(bpf.DW, R0, R1, -8),
        jmp32_reg(bpf.JGE, R2, R0, 6),
        alu64_imm(bpf.LSH, R2, 3),
        alu64_reg(bpf.ADD, R2, R1),
        ldx(bpf.DW, R0, R2, 0),
        stx(bpf.DW, R3, R0, 0),
        mov64_imm(R0, 0),
        ja(1),
        mov64_imm(R0, -EINVAL),
    ]


def _func_ret(hook: Hook) -> list[PatchItem]:
    if hook.attach_type not in (BPF_TRACE_FEXIT, BPF_MODIFY_RETURN):
        return [mov64_imm(R0, -EOPNOTSUPP)]
    return [
        ldx(bpf.DW, R0, R1, -8),
        alu64_imm(bpf.LSH, R0, 3),
        alu64_reg(bpf.ADD, R0, R1),
        ldx(bpf.DW, R3, R0, 0),
        stx(bpf.DW, R2, R3, 0),
        mov64_imm(R0, 0),
    ]


def _func_arg_cnt(hook: Hook) -> list[PatchItem]:
    return [ldx(bpf.DW, R0, R1, -8)]


def _func_ip(hook: Hook) -> list[PatchItem]:
    return [ldx(bpf.DW, R0, R1, -16)]


ALWAYS: Final[dict[int, Inline]] = {
    func_ids.GET_SMP_PROCESSOR_ID: _smp_processor_id,
    func_ids.JIFFIES64: _jiffies64,
    func_ids.GET_BRANCH_SNAPSHOT: _branch_snapshot,
    func_ids.KPTR_XCHG: _kptr_xchg,
}
IN_TRACING: Final[dict[int, Inline]] = {
    func_ids.GET_FUNC_ARG: _func_arg,
    func_ids.GET_FUNC_RET: _func_ret,
    func_ids.GET_FUNC_ARG_CNT: _func_arg_cnt,
    func_ids.GET_FUNC_IP: _func_ip,
}


def inlined(helper_id: int, hook: Hook) -> list[PatchItem] | None:
    """The instructions a call of this helper becomes, or None."""
    found = ALWAYS.get(helper_id)
    if found is None and hook.prog_type == BPF_PROG_TYPE_TRACING:
        found = IN_TRACING.get(helper_id)
    return found(hook) if found is not None else None


_PACKET_LOADS: Final = {
    bpf.B: "bpf_skb_load_helper_8_no_cache",
    bpf.H: "bpf_skb_load_helper_16_no_cache",
    bpf.W: "bpf_skb_load_helper_32_no_cache",
}


def packet_load(insn: Insn) -> list[PatchItem]:
    """LD_ABS and LD_IND: a call with the skb r6 holds; past the packet the program ends with 0 (bpf_gen_ld_abs)."""
    if bpf.mode(insn.code) == bpf.ABS:
        patch: list[PatchItem] = [mov64_imm(R2, insn.imm)]
    else:
        patch = [mov64_reg(R2, insn.src_reg)]
        if insn.imm:
            patch.append(alu64_imm(bpf.ADD, R2, insn.imm))
    return [
        *patch,
        mov64_reg(R1, R6),
        Named(call(), AddressRef("helper", _PACKET_LOADS[bpf.size(insn.code)])),
        jmp_imm(bpf.JSGE, R0, 0, 2),
        alu32_reg(bpf.XOR, R0, R0),
        EXIT,
    ]
