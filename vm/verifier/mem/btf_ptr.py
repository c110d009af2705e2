"""Accesses through pointers to kernel types (check_ptr_to_btf_access, check_ptr_to_map_access)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import Btf, Kind
from vm.kernel import types as k
from vm.kernel.hooks import struct_ops
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.btf_walk import WALK_SCALAR, Found, nested_type_is_trusted, struct_access
from vm.verifier.mem.common import BPF_READ, BPF_WRITE, tnum_text
from vm.verifier.mem.map_value import map_of
from vm.verifier.mem.objects import check_object_access
from vm.verifier.prune.liveness import mark_reg_unknown
from vm.verifier.rules.fields import (
    MAP_STRUCT_OFFSET_NEGATIVE,
    MAP_STRUCT_READ_ONLY,
    STRUCT_MEMORY_SPACE,
    STRUCT_OFFSET_NEGATIVE,
    STRUCT_OFFSET_VARIABLE,
    STRUCT_READ_ONLY,
    STRUCT_WRITE_BY_MODULE,
    STRUCT_WRITE_NOT_A_FIELD,
    STRUCT_WRITE_UNSUPPORTED,
    TCP_SOCK_WRITE_BEYOND_MEMBER,
    TCP_SOCK_WRITE_NOT_A_FIELD,
)
from vm.verifier.rules.policy import (
    KERNEL_STRUCT_ACCESS_LICENCE,
    KERNEL_STRUCT_ACCESS_PRIVILEGE,
    MAP_STRUCT_UNSUPPORTED,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState, pointer

TRUSTED_MODIFIERS: Final = t.MEM_ALLOC | t.PTR_TRUSTED | t.NON_OWN_REF

_HTAB: Final = "bpf_htab"
_ARRAY: Final = "bpf_array"
_LOCAL_STORAGE: Final = "bpf_local_storage_map"
# The kernel struct of each map type (map_btf_id of struct bpf_map_ops).
MAP_STRUCTS: Final = {
    k.BPF_MAP_TYPE_HASH: _HTAB,
    k.BPF_MAP_TYPE_LRU_HASH: _HTAB,
    k.BPF_MAP_TYPE_PERCPU_HASH: _HTAB,
    k.BPF_MAP_TYPE_LRU_PERCPU_HASH: _HTAB,
    k.BPF_MAP_TYPE_HASH_OF_MAPS: _HTAB,
    k.BPF_MAP_TYPE_ARRAY: _ARRAY,
    k.BPF_MAP_TYPE_PERCPU_ARRAY: _ARRAY,
    k.BPF_MAP_TYPE_PROG_ARRAY: _ARRAY,
    k.BPF_MAP_TYPE_PERF_EVENT_ARRAY: _ARRAY,
    k.BPF_MAP_TYPE_CGROUP_ARRAY: _ARRAY,
    k.BPF_MAP_TYPE_ARRAY_OF_MAPS: _ARRAY,
    k.BPF_MAP_TYPE_STACK_TRACE: "bpf_stack_map",
    k.BPF_MAP_TYPE_LPM_TRIE: "lpm_trie",
    k.BPF_MAP_TYPE_DEVMAP: "bpf_dtab",
    k.BPF_MAP_TYPE_DEVMAP_HASH: "bpf_dtab",
    k.BPF_MAP_TYPE_SOCKMAP: "bpf_stab",
    k.BPF_MAP_TYPE_SOCKHASH: "bpf_shtab",
    k.BPF_MAP_TYPE_CPUMAP: "bpf_cpu_map",
    k.BPF_MAP_TYPE_XSKMAP: "xsk_map",
    k.BPF_MAP_TYPE_QUEUE: "bpf_queue_stack",
    k.BPF_MAP_TYPE_STACK: "bpf_queue_stack",
    k.BPF_MAP_TYPE_RINGBUF: "bpf_ringbuf_map",
    k.BPF_MAP_TYPE_USER_RINGBUF: "bpf_ringbuf_map",
    k.BPF_MAP_TYPE_BLOOM_FILTER: "bpf_bloom_filter",
    k.BPF_MAP_TYPE_ARENA: "bpf_arena",
    k.BPF_MAP_TYPE_SK_STORAGE: _LOCAL_STORAGE,
    k.BPF_MAP_TYPE_INODE_STORAGE: _LOCAL_STORAGE,
    k.BPF_MAP_TYPE_TASK_STORAGE: _LOCAL_STORAGE,
    k.BPF_MAP_TYPE_CGRP_STORAGE: _LOCAL_STORAGE,
    k.BPF_MAP_TYPE_CGROUP_STORAGE: "bpf_cgroup_storage_map",
    k.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: "bpf_cgroup_storage_map",
    k.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: "reuseport_array",
}


def vmlinux() -> Btf:
    """The kernel's own BTF."""
    from vm.kernel.btf import kernel_btf

    return kernel_btf()


def kernel_struct_id(name: str) -> int:
    """BTF id of a kernel struct (or, for "void" and the like, 0)."""
    found = vmlinux().find(name, Kind.STRUCT, Kind.UNION)
    return found.id if found is not None else 0


def btf_pointer(env: VerifierEnv, btf: Btf, btf_id: int, flag: int) -> RegState:
    """mark_btf_ld_reg() for a pointer: it gets an id if it may be null."""
    reg = pointer(t.PTR_TO_BTF_ID | flag)
    reg.btf = btf
    reg.btf_id = btf_id
    if flag & t.PTR_MAYBE_NULL:
        reg.id = env.new_id()
    return reg


def in_rcu_cs(env: VerifierEnv) -> bool:
    """in_rcu_cs(): whether RCU protects objects here."""
    cur = env.cur_state
    return cur.active_rcu_lock or bool(cur.active_lock.ptr) or not (env.sleepable or cur.in_sleepable)


def is_trusted_reg(reg: RegState) -> bool:
    """is_trusted_reg() for a PTR_TO_BTF_ID: referenced, or marked as trusted without other modifiers."""
    if reg.ref_obj_id:
        return True
    flags = t.type_flag(reg.type)
    return flags & TRUSTED_MODIFIERS != 0 and flags & ~TRUSTED_MODIFIERS == 0


def _check_may_access(env: VerifierEnv, reg: RegState, regno: int, off: int, name: str) -> None:
    if not env.allow_ptr_leaks:
        env.reject(KERNEL_STRUCT_ACCESS_PRIVILEGE, regno, struct=name)
    if not env.program.gpl_compatible and reg.btf is vmlinux():
        env.reject(KERNEL_STRUCT_ACCESS_LICENCE, regno, struct=name)
    if off < 0:
        env.reject(STRUCT_OFFSET_NEGATIVE, regno, struct=name, off=off)
    tnum = reg.scalar.var_off
    if tnum.mask or tnum.value:
        env.reject(STRUCT_OFFSET_VARIABLE, regno, struct=name, off=off, var_off=tnum_text(reg))
    for flag, what in ((t.MEM_USER, "user"), (t.MEM_PERCPU, "percpu")):
        if reg.type & flag:
            env.reject(STRUCT_MEMORY_SPACE, regno, struct=name, space=what, off=off)


def _listed(reg: RegState, btf: Btf, found: Found, suffix: str) -> bool:
    return nested_type_is_trusted(btf, reg.btf_id, found.field_name, found.type_id, suffix)


def _result_flags(env: VerifierEnv, reg: RegState, btf: Btf, found: Found) -> int:
    """The trust flags of a pointer that is read through `reg`."""
    if reg.type & t.PTR_UNTRUSTED:
        return t.PTR_UNTRUSTED
    flag = found.flag
    cleared = flag & ~(TRUSTED_MODIFIERS | t.MEM_RCU)
    if not is_trusted_reg(reg) and not reg.type & t.MEM_RCU:
        return cleared
    if _listed(reg, btf, found, "__safe_trusted"):
        return flag | t.PTR_TRUSTED
    if _listed(reg, btf, found, "__safe_trusted_or_null"):
        return flag | t.PTR_TRUSTED | t.PTR_MAYBE_NULL
    if not in_rcu_cs(env) or reg.type & t.PTR_MAYBE_NULL:
        return t.PTR_UNTRUSTED
    if _listed(reg, btf, found, "__safe_rcu"):
        return flag | t.MEM_RCU
    or_null = _listed(reg, btf, found, "__safe_rcu_or_null")
    if flag & t.MEM_RCU or or_null:
        flag |= t.MEM_RCU | t.PTR_MAYBE_NULL
        return flag & ~t.PTR_UNTRUSTED if or_null else flag
    if flag & (t.MEM_PERCPU | t.MEM_USER):
        return flag
    return cleared


def check_ptr_to_btf_access(env: VerifierEnv, regno: int, off: int, size: int, access: int, value_regno: int) -> None:
    """Reads a field of the struct that the pointer points to; the result may be a pointer."""
    regs = env.cur_state.frame[-1].regs
    reg = regs[regno]
    btf = reg.btf
    assert btf is not None
    _check_may_access(env, reg, regno, off, btf.type(reg.btf_id).name)
    if access != BPF_READ and reg.type & t.PTR_UNTRUSTED:
        env.reject(STRUCT_READ_ONLY, regno)
    is_alloc = reg.type & t.MEM_ALLOC != 0
    if is_alloc:
        check_object_access(env, reg, regno, off, size)
    elif access == BPF_WRITE:
        _check_write(env, reg, regno, off, size)
        return
    found = struct_access(env, btf, reg.btf_id, off, size, is_alloc)
    if access != BPF_READ or value_regno < 0:
        return
    if found.what == WALK_SCALAR:
        mark_reg_unknown(env, regs, value_regno)
        return
    flag = _result_flags(env, reg, btf, found)
    regs[value_regno] = btf_pointer(env, btf, found.type_id, flag)


# Program types that may write a few fields of a few kernel structs (env->ops->btf_struct_access).
_WRITERS: Final = frozenset({k.BPF_PROG_TYPE_SCHED_CLS, k.BPF_PROG_TYPE_SCHED_ACT, k.BPF_PROG_TYPE_XDP})


def _check_write(env: VerifierEnv, reg: RegState, regno: int, off: int, size: int) -> None:
    prog_type = env.program.prog_type
    if prog_type in _WRITERS:
        # Only for connection tracking, by a module that is not loaded.
        env.reject(STRUCT_WRITE_BY_MODULE, regno)
    ops = struct_ops(env.program.attach_btf_name) if prog_type == k.BPF_PROG_TYPE_STRUCT_OPS else None
    if ops is None:
        env.reject(STRUCT_READ_ONLY, regno)
    is_tcp = ops.written == "tcp_sock"
    if reg.btf_id != kernel_struct_id(ops.written):
        what = "only read" if is_tcp else f"only access to {ops.written}"
        env.reject(STRUCT_WRITE_UNSUPPORTED, regno, what=what)
    end = next((end for first, last, end in ops.writable if first <= off <= last), None)
    if end is not None and off + size <= end:
        return
    if not is_tcp:
        env.reject(STRUCT_WRITE_NOT_A_FIELD, regno, off=off, size=size)
    if end is None:
        env.reject(TCP_SOCK_WRITE_NOT_A_FIELD, regno, off=off)
    env.reject(TCP_SOCK_WRITE_BEYOND_MEMBER, regno, off=off, size=size, end=end)


def check_ptr_to_map_access(env: VerifierEnv, regno: int, off: int, size: int, access: int, value_regno: int) -> None:
    """Reads a field of the map itself, such as struct bpf_array or struct bpf_htab."""
    regs = env.cur_state.frame[-1].regs
    reg = regs[regno]
    spec = map_of(env, reg)
    name = MAP_STRUCTS.get(spec.map_type)
    if name is None:
        env.reject(MAP_STRUCT_UNSUPPORTED, regno, map_type=spec.map_type)
    if not env.allow_ptr_leaks:
        env.reject(KERNEL_STRUCT_ACCESS_PRIVILEGE, regno, struct=name)
    if off < 0:
        env.reject(MAP_STRUCT_OFFSET_NEGATIVE, regno, struct=name, off=off)
    if access != BPF_READ:
        env.reject(MAP_STRUCT_READ_ONLY, regno, struct=name)
    btf = vmlinux()
    found = struct_access(env, btf, kernel_struct_id(name), off, size, False)
    if value_regno < 0:
        return
    if found.what == WALK_SCALAR:
        mark_reg_unknown(env, regs, value_regno)
    else:
        regs[value_regno] = btf_pointer(env, btf, found.type_id, found.flag)
