"""Pointers to kernel or allocated objects in map values: loaded, stored, exchanged (check_map_kptr_access)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import Btf
from vm.isa import opcodes as op
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.btf_ptr import btf_pointer, in_rcu_cs, vmlinux
from vm.verifier.mem.btf_walk import struct_ids_match
from vm.verifier.mem.common import check_ptr_off_reg, register_is_null
from vm.verifier.mem.objects import struct_record
from vm.verifier.prepass import record as rec
from vm.verifier.prepass.record import RecordField
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.fields import KPTR_ACCESS_CLASS, KPTR_ACCESS_MODE, KPTR_STORE_NOT_ZERO
from vm.verifier.rules.helper_args import KPTR_TYPE, KPTR_TYPE_OR_UNTRUSTED
from vm.verifier.rules.lifetime import REFERENCED_KPTR_STORE
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

# rcu_protected_types: freed only after a grace period.
_RCU_PROTECTED: Final = frozenset({"prog_test_ref_kfunc", "cgroup", "bpf_cpumask", "task_struct", "bpf_crypto_ctx"})


def kptr_target(env: VerifierEnv, field: RecordField) -> tuple[Btf, int]:
    """The struct that the field points to: the kernel's struct with that name, if there is one, else the program's."""
    btf = env.program.btf
    assert btf is not None
    found = btf.type(field.type_id)
    kernel = vmlinux().find(found.name, found.kind) if found.name else None
    return (vmlinux(), kernel.id) if kernel is not None else (btf, field.type_id)


def _fits(env: VerifierEnv, field: RecordField, reg: RegState, regno: int) -> tuple[bool, str]:
    """Whether the register may be stored in the field, and the name of its type as far as that was looked at."""
    if reg.type & t.BPF_BASE_TYPE_MASK != t.PTR_TO_BTF_ID or reg.btf is None:
        return False, ""
    percpu = field.kind == rec.BPF_KPTR_PERCPU
    if reg.btf is vmlinux():
        allowed = t.PTR_MAYBE_NULL | t.PTR_TRUSTED | t.MEM_RCU
        if field.kind == rec.BPF_KPTR_UNREF:
            allowed |= t.PTR_UNTRUSTED
    else:
        allowed = t.PTR_MAYBE_NULL | t.MEM_ALLOC | (t.MEM_PERCPU if percpu else 0)
    if t.type_flag(reg.type) & ~allowed or percpu != (reg.type & t.MEM_PERCPU != 0):
        return False, ""
    name = reg.btf.type(reg.btf_id).name
    check_ptr_off_reg(env, reg, regno, True)
    btf, btf_id = kptr_target(env, field)
    strict = field.kind != rec.BPF_KPTR_UNREF
    same = struct_ids_match(env, reg.btf, reg.btf_id, reg.off, btf, btf_id, strict, not reg.type & t.MEM_ALLOC)
    return same, name


def check_kptr_match(env: VerifierEnv, field: RecordField, regno: int) -> None:
    """map_kptr_match_type()."""
    reg = env.cur_state.frame[-1].regs[regno]
    fits, name = _fits(env, field, reg, regno)
    if fits:
        return
    btf, btf_id = kptr_target(env, field)
    target = btf.type(btf_id).name
    have = f"{reg_type_str(reg.type)}{name}"
    wanted = f"{reg_type_str(t.PTR_TO_BTF_ID)}{target}"
    if field.kind == rec.BPF_KPTR_UNREF:
        untrusted = f"{reg_type_str(t.PTR_TO_BTF_ID | t.PTR_UNTRUSTED)}{target}"
        env.reject(KPTR_TYPE_OR_UNTRUSTED, regno, type=have, expected=wanted, untrusted=untrusted)
    env.reject(KPTR_TYPE, regno, type=have, expected=wanted)


def _load_flags(env: VerifierEnv, field: RecordField) -> int:
    """btf_ld_kptr_type(): the trust flags of a pointer that is read from the field."""
    btf, btf_id = kptr_target(env, field)
    in_kernel = btf is vmlinux()
    protected = not in_kernel or btf.type(btf_id).name in _RCU_PROTECTED
    safe = field.kind == rec.BPF_KPTR_PERCPU or (field.kind == rec.BPF_KPTR_REF and protected)
    if not safe or not in_rcu_cs(env):
        return t.PTR_MAYBE_NULL | t.PTR_UNTRUSTED
    flags = t.PTR_MAYBE_NULL | t.MEM_RCU
    if field.kind == rec.BPF_KPTR_PERCPU:
        flags |= t.MEM_PERCPU
    elif not in_kernel:
        flags |= t.MEM_ALLOC
    if not in_kernel and struct_record(btf, btf_id).has(rec.BPF_GRAPH_NODE):
        flags |= t.NON_OWN_REF
    return flags


def check_kptr_access(env: VerifierEnv, value_regno: int, insn_idx: int, field: RecordField) -> None:
    """Checks a load or store of one such field."""
    insn = env.insns[insn_idx]
    cls = insn.code & 0x07
    if insn.code & 0xE0 != op.MEM:
        env.reject(KPTR_ACCESS_MODE)
    if cls != op.LDX and field.kind in (rec.BPF_KPTR_REF, rec.BPF_KPTR_PERCPU):
        env.reject(REFERENCED_KPTR_STORE)
    regs = env.cur_state.frame[-1].regs
    if cls == op.LDX:
        btf, btf_id = kptr_target(env, field)
        regs[value_regno] = btf_pointer(env, btf, btf_id, _load_flags(env, field))
    elif cls == op.STX:
        if register_is_null(regs[value_regno]):
            mark_chain_precision(env, value_regno, "null_kptr")
        else:
            check_kptr_match(env, field, value_regno)
    elif cls != op.ST:
        env.reject(KPTR_ACCESS_CLASS)
    elif insn.imm:
        env.reject(KPTR_STORE_NOT_ZERO, off=field.offset)
