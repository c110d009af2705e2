"""Spill/fill pairs that clang generates around bpf_fastcall calls (mark_fastcall_patterns)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as op
from vm.isa.insn import Insn
from vm.kernel import func_ids
from vm.kernel.types import RET_VOID
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.classify import CALL_INSN, is_helper_call, is_pseudo_kfunc_call
from vm.verifier.prepass.kfunc_meta import fetch_kfunc_meta
from vm.verifier.prepass.protos import get_helper_proto
from vm.verifier.prepass.subprogs import subprog_end
from vm.verifier.state.aux import SubprogInfo

CALLER_SAVED_REGS: Final = 6
ALL_CALLER_SAVED_REGS: Final = (1 << CALLER_SAVED_REGS) - 1
_SPILL: Final = op.STX | op.MEM | op.DW
_FILL: Final = op.LDX | op.MEM | op.DW

# verifier_inlines_helper_call(): replaced by instructions that touch r0 only.
INLINED_HELPERS: Final = frozenset({func_ids.GET_SMP_PROCESSOR_ID})


def _clobbered_regs(env: VerifierEnv, call: Insn) -> tuple[int, bool]:
    """(registers the call changes by its prototype, as bits; whether the call is replaced by such instructions)."""
    if is_pseudo_kfunc_call(call):
        return _clobbered_by_kfunc(env, call)
    if not is_helper_call(call):
        return ALL_CALLER_SAVED_REGS, False
    proto = get_helper_proto(env, call.imm)
    if proto is None:
        return ALL_CALLER_SAVED_REGS, False
    mask = 1 if proto.ret_type != RET_VOID else 0
    for i, arg_type in enumerate(proto.arg_types):
        if arg_type:
            mask |= 2 << i
    return mask, proto.allow_fastcall and call.imm in INLINED_HELPERS


# is_fastcall_kfunc_call(): replaced by a move.
_INLINED_KFUNCS: Final = frozenset({"bpf_cast_to_kern_ctx", "bpf_rdonly_cast"})


def _clobbered_by_kfunc(env: VerifierEnv, call: Insn) -> tuple[int, bool]:
    meta = fetch_kfunc_meta(env, call)
    if meta is None:
        return ALL_CALLER_SAVED_REGS, False
    mask = 1 if meta.proto.type_id else 0
    for i in range(len(meta.proto.params)):
        mask |= 2 << i
    return mask, meta.name in _INLINED_KFUNCS


def _mark_call(env: VerifierEnv, subprog: SubprogInfo, insn_idx: int, lowest_off: int) -> None:
    insns = env.insns
    aux = env.aux
    clobbered, can_be_inlined = _clobbered_regs(env, insns[insn_idx])
    if clobbered == ALL_CALLER_SAVED_REGS:
        return
    expected = ~clobbered & ALL_CALLER_SAVED_REGS
    off = lowest_off
    i = 1
    while i <= CALLER_SAVED_REGS:
        before, after = insn_idx - i, insn_idx + i
        if before < 0 or after >= len(insns):
            break
        # A jump to the first spill enters the pattern as a whole; any other one does not.
        if aux[before + 1].jump_target or aux[after].jump_target:
            break
        stx, ldx = insns[before], insns[after]
        if stx.code != _SPILL or ldx.code != _FILL or stx.dst_reg != op.REG_FP or ldx.src_reg != op.REG_FP:
            break
        if stx.src_reg != ldx.dst_reg or not expected >> stx.src_reg & 1:
            break
        if stx.off != off or ldx.off != off:
            break
        expected &= ~(1 << stx.src_reg)
        aux[before].fastcall_pattern = True
        aux[after].fastcall_pattern = True
        i += 1
        off += 8
    if i == 1:
        return
    if can_be_inlined:
        aux[insn_idx].fastcall_spills_num = i - 1
    else:
        # This kernel does not inline the helper: the pairs and their stack stay.
        subprog.keep_fastcall_stack = True
    subprog.fastcall_stack_off = min(subprog.fastcall_stack_off, off)


def mark_fastcall_patterns(env: VerifierEnv) -> None:
    """Marks the pairs that may be removed after the walk, in env.aux and env.subprogs."""
    for s in range(len(env.subprogs)):
        subprog = env.subprogs[s]
        slots = range(subprog.start, subprog_end(env, s))
        lowest_off = 0
        for i in slots:
            insn = env.insns[i]
            if insn.code == _SPILL and insn.dst_reg == op.REG_FP:
                lowest_off = min(lowest_off, insn.off)
        for i in slots:
            if env.insns[i].code == CALL_INSN:
                _mark_call(env, subprog, i, lowest_off)


def shrink_stacks(env: VerifierEnv) -> None:
    """After the walk: functions whose pairs all go need no stack for them (as remove_fastcall_spills_fills() finds)."""
    for s, subprog in enumerate(env.subprogs):
        slots = range(subprog.start, subprog_end(env, s))
        if not subprog.keep_fastcall_stack and any(env.aux[i].fastcall_spills_num for i in slots):
            subprog.stack_depth = -subprog.fastcall_stack_off
