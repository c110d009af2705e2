"""64-bit loads of maps, kernel symbols and functions (resolve_pseudo_ldimm64)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as op
from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.kernel.errno import EBADF, EINVAL, ENOTSUPP, ERANGE
from vm.program import MapSpec
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.ksyms import check_pseudo_btf_id
from vm.verifier.prepass.record import BPF_LIST_HEAD, BPF_RB_ROOT, BPF_SPIN_LOCK, BPF_TIMER, BPF_WORKQUEUE, map_record
from vm.verifier.rules.attach import STRUCT_OPS_MAP
from vm.verifier.rules.context import SLEEPABLE_MAP_TYPE
from vm.verifier.rules.limits import TOO_MANY_MAPS
from vm.verifier.rules.memory import DIRECT_VALUE_OFFSET_TOO_LARGE, DIRECT_VALUE_POINTER
from vm.verifier.rules.policy import (
    ARENA_PRIVILEGE,
    ARENA_TWICE,
    CGROUP_STORAGE_TWICE,
    MAP_WITHOUT_DIRECT_VALUES,
    SOCKET_FILTER_LOCK,
    TRACING_SPECIAL_FIELD,
)
from vm.verifier.rules.structure import (
    FD_INDEX_WITHOUT_ARRAY,
    LDIMM64_INVALID,
    LDIMM64_UNRECOGNIZED,
    LDX_RESERVED_FIELDS,
    OPCODE_UNKNOWN,
)
from vm.verifier.rules.types import MAP_FD
from vm.verifier.state.reg_types import PTR_TO_FUNC

MAX_USED_MAPS: Final = 64
BPF_MAX_VAR_OFF: Final = 1 << 29
PAGE_SIZE: Final = 4096

_LDX_MODES: Final = frozenset({op.MEM, op.MEMSX})


def _insn_table() -> frozenset[int]:
    """Valid opcodes (bpf_opcode_in_insntable)."""
    alu = (op.ADD, op.SUB, op.AND, op.OR, op.LSH, op.RSH, op.XOR, op.MUL, op.MOV, op.ARSH, op.DIV, op.MOD)
    jumps = (
        op.JEQ, op.JNE, op.JGT, op.JLT, op.JGE, op.JLE, op.JSGT, op.JSLT, op.JSGE, op.JSLE, op.JSET,
    )  # fmt: skip
    codes = {c | o | s for c in (op.ALU, op.ALU64) for o in alu for s in (op.K, op.X)}
    codes |= {op.ALU | op.NEG, op.ALU64 | op.NEG}
    codes |= {op.ALU | op.END | op.TO_BE, op.ALU | op.END | op.TO_LE, op.ALU64 | op.END | op.TO_LE}
    codes |= {c | o | s for c in (op.JMP, op.JMP32) for o in jumps for s in (op.K, op.X)}
    codes |= {op.JMP | op.JA, op.JMP32 | op.JA, op.JMP | op.CALL, op.JMP | op.EXIT, op.JMP | op.JCOND}
    codes |= {c | op.MEM | s for c in (op.ST, op.STX, op.LDX) for s in (op.B, op.H, op.W, op.DW)}
    codes |= {op.LDX | op.MEMSX | s for s in (op.B, op.H, op.W)}
    codes |= {op.STX | op.ATOMIC | s for s in (op.W, op.DW)}
    codes |= {op.LD | m | s for m in (op.ABS, op.IND) for s in (op.B, op.H, op.W)}
    codes.add(op.LD_IMM64)
    return frozenset(codes)


INSN_TABLE: Final = _insn_table()

TRACING_PROG_TYPES: Final = frozenset(
    {
        k.BPF_PROG_TYPE_KPROBE,
        k.BPF_PROG_TYPE_TRACEPOINT,
        k.BPF_PROG_TYPE_PERF_EVENT,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
    }
)

SLEEPABLE_MAP_TYPES: Final = frozenset(
    {
        k.BPF_MAP_TYPE_HASH,
        k.BPF_MAP_TYPE_LRU_HASH,
        k.BPF_MAP_TYPE_ARRAY,
        k.BPF_MAP_TYPE_PERCPU_HASH,
        k.BPF_MAP_TYPE_PERCPU_ARRAY,
        k.BPF_MAP_TYPE_LRU_PERCPU_HASH,
        k.BPF_MAP_TYPE_ARRAY_OF_MAPS,
        k.BPF_MAP_TYPE_HASH_OF_MAPS,
        k.BPF_MAP_TYPE_RINGBUF,
        k.BPF_MAP_TYPE_USER_RINGBUF,
        k.BPF_MAP_TYPE_INODE_STORAGE,
        k.BPF_MAP_TYPE_SK_STORAGE,
        k.BPF_MAP_TYPE_TASK_STORAGE,
        k.BPF_MAP_TYPE_CGRP_STORAGE,
        k.BPF_MAP_TYPE_QUEUE,
        k.BPF_MAP_TYPE_STACK,
        k.BPF_MAP_TYPE_ARENA,
    }
)

_CGROUP_STORAGE: Final = frozenset({k.BPF_MAP_TYPE_CGROUP_STORAGE, k.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE})

# Special fields of map values that these programs may not use, and their names in messages.
_TRACING_FORBIDS: Final = (
    ((BPF_LIST_HEAD, BPF_RB_ROOT), "bpf_{list_head,rb_root}"),
    ((BPF_SPIN_LOCK,), "bpf_spin_lock"),
    ((BPF_TIMER,), "bpf_timer"),
    ((BPF_WORKQUEUE,), "bpf_wq"),
)


def check_map_prog_compatibility(env: VerifierEnv, map_index: int) -> None:
    """Rejects maps, or special fields of their values, that programs of this type may not use."""
    spec = env.program.maps[map_index]
    prog_type = env.program.prog_type
    record = map_record(env.program, spec)
    for kinds, text in _TRACING_FORBIDS:
        if not any(record.has(kind) for kind in kinds):
            continue
        if kinds == (BPF_SPIN_LOCK,) and prog_type == k.BPF_PROG_TYPE_SOCKET_FILTER:
            env.reject(SOCKET_FILTER_LOCK)
        if prog_type in TRACING_PROG_TYPES:
            env.reject(TRACING_SPECIAL_FIELD, field=text)
    if spec.map_type == k.BPF_MAP_TYPE_STRUCT_OPS:
        env.reject(STRUCT_OPS_MAP)
    if env.sleepable and spec.map_type not in SLEEPABLE_MAP_TYPES:
        env.reject(SLEEPABLE_MAP_TYPE)


def _add_used_map(env: VerifierEnv, map_index: int) -> bool:
    """Records that the program uses a map; true if it was recorded before."""
    if map_index in env.used_maps:
        return True
    if len(env.used_maps) >= MAX_USED_MAPS:
        env.reject(TOO_MANY_MAPS, most=MAX_USED_MAPS)
    env.used_maps.append(map_index)
    return False


def _direct_value_error(spec: MapSpec, off: int) -> int:
    """errno of taking the address of byte `off` of the map's memory, 0 if it is there; ENOTSUPP if it has none."""
    if spec.map_type == k.BPF_MAP_TYPE_ARENA:
        return ERANGE if off > spec.max_entries * PAGE_SIZE else 0
    if spec.max_entries != 1:
        return ENOTSUPP
    return EINVAL if off >= spec.value_size else 0


def _resolve_direct_value(env: VerifierEnv, spec: MapSpec, off: int) -> None:
    if off >= BPF_MAX_VAR_OFF:
        env.reject(DIRECT_VALUE_OFFSET_TOO_LARGE, off=off)
    if spec.map_type not in (k.BPF_MAP_TYPE_ARRAY, k.BPF_MAP_TYPE_ARENA):
        env.reject(MAP_WITHOUT_DIRECT_VALUES, errno=EINVAL)
    error = _direct_value_error(spec, off)
    if error:
        env.reject(DIRECT_VALUE_POINTER, value_size=spec.value_size, off=off, errno=error)


def _check_new_map(env: VerifierEnv, map_index: int) -> None:
    """Limits per program: one cgroup storage of each kind, one arena."""
    spec = env.program.maps[map_index]
    if spec.map_type in _CGROUP_STORAGE:
        same = [i for i in env.used_maps if env.program.maps[i].map_type == spec.map_type]
        if len(same) > 1:
            env.reject(CGROUP_STORAGE_TWICE)
    if spec.map_type == k.BPF_MAP_TYPE_ARENA:
        if env.arena_map >= 0:
            env.reject(ARENA_TWICE)
        if not env.allow_ptr_leaks or not env.bpf_capable:
            env.reject(ARENA_PRIVILEGE)
        env.arena_map = map_index


def _fd_error(fd: int) -> int:
    """Error for an invalid map file descriptor: the first three of a process are open, and are not maps."""
    return EINVAL if 0 <= fd <= 2 else EBADF


def _resolve_map(env: VerifierEnv, i: int, insn: Insn, second: Insn) -> None:
    is_value = insn.src_reg in (op.PSEUDO_MAP_VALUE, op.PSEUDO_MAP_IDX_VALUE)
    if not is_value and (insn.src_reg not in (op.PSEUDO_MAP_FD, op.PSEUDO_MAP_IDX) or second.imm):
        env.reject(LDIMM64_UNRECOGNIZED)
    if insn.src_reg in (op.PSEUDO_MAP_IDX, op.PSEUDO_MAP_IDX_VALUE):
        env.reject(FD_INDEX_WITHOUT_ARRAY)
    if not 0 <= insn.imm < len(env.program.maps):
        env.reject(MAP_FD, fd=insn.imm, errno=_fd_error(insn.imm))
    map_index = insn.imm
    reused = _add_used_map(env, map_index)
    aux = env.aux[i]
    aux.map_index = map_index
    check_map_prog_compatibility(env, map_index)
    if is_value:
        off = second.imm & 0xFFFFFFFF
        _resolve_direct_value(env, env.program.maps[map_index], off)
        aux.map_off = off
    if not reused:
        _check_new_map(env, map_index)


def _resolve_ldimm64(env: VerifierEnv, i: int) -> None:
    insns = env.insns
    insn = insns[i]
    second = insns[i + 1] if i + 1 < len(insns) else None
    if second is None or second.code or second.dst_reg or second.src_reg or second.off:
        env.reject(LDIMM64_INVALID)
    if insn.src_reg == 0:
        return
    if insn.src_reg == op.PSEUDO_BTF_ID:
        check_pseudo_btf_id(env, insn, second, env.aux[i])
        return
    if insn.src_reg == op.PSEUDO_FUNC:
        env.aux[i].ptr_type = PTR_TO_FUNC
        return
    _resolve_map(env, i, insn, second)


def resolve_pseudo_ldimm64(env: VerifierEnv) -> None:
    """Fill env.used_maps and aux.map_index / map_off of map loads; reject unknown opcodes and reserved LDX fields.

    Instructions keep the index of the map in imm: there are no addresses here.
    """
    insns = env.insns
    i = 0
    while i < len(insns):
        insn = insns[i]
        env.insn_idx = i
        if insn.code & 7 == op.LDX and (insn.code & 0xE0 not in _LDX_MODES or insn.imm):
            env.reject(LDX_RESERVED_FIELDS)
        if insn.code == op.LD_IMM64:
            _resolve_ldimm64(env, i)
            i += 2
            continue
        if insn.code not in INSN_TABLE:
            env.reject(OPCODE_UNKNOWN, code=insn.code)
        i += 1
