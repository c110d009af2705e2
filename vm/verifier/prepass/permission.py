"""Permission checks of BPF_MAP_CREATE and BPF_PROG_LOAD before the verifier runs.

map_create() and bpf_prog_load() in kernel/bpf/syscall.c. They write no log: the messages here are not the kernel's.
"""

from __future__ import annotations

from typing import Final

from vm.caps import BPF, NET_ADMIN, PERFMON, capable
from vm.kernel import types as k
from vm.program import MapSpec
from vm.verifier.env import VerifierEnv
from vm.verifier.rules.loader import (
    LOAD_MAP_BTF,
    LOAD_MAP_PRIVILEGE,
    LOAD_PROGRAM_PRIVILEGE,
    LOAD_PROGRAM_SIZE,
    LOAD_STRUCT_OPS_BTF,
)

BPF_MAXINSNS: Final = 4096
BPF_COMPLEXITY_LIMIT_INSNS: Final = 1_000_000

# Types without a required capability; all others need CAP_BPF.
UNPRIVILEGED_TYPES: Final = frozenset({k.BPF_PROG_TYPE_SOCKET_FILTER, k.BPF_PROG_TYPE_CGROUP_SKB})
NET_ADMIN_TYPES: Final = frozenset(
    {
        k.BPF_PROG_TYPE_SCHED_CLS,
        k.BPF_PROG_TYPE_SCHED_ACT,
        k.BPF_PROG_TYPE_XDP,
        k.BPF_PROG_TYPE_LWT_IN,
        k.BPF_PROG_TYPE_LWT_OUT,
        k.BPF_PROG_TYPE_LWT_XMIT,
        k.BPF_PROG_TYPE_LWT_SEG6LOCAL,
        k.BPF_PROG_TYPE_SK_SKB,
        k.BPF_PROG_TYPE_SK_MSG,
        k.BPF_PROG_TYPE_FLOW_DISSECTOR,
        k.BPF_PROG_TYPE_CGROUP_DEVICE,
        k.BPF_PROG_TYPE_CGROUP_SOCK,
        k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
        k.BPF_PROG_TYPE_CGROUP_SOCKOPT,
        k.BPF_PROG_TYPE_CGROUP_SYSCTL,
        k.BPF_PROG_TYPE_SOCK_OPS,
        k.BPF_PROG_TYPE_EXT,
        k.BPF_PROG_TYPE_NETFILTER,
    }
)
PERFMON_TYPES: Final = frozenset(
    {
        k.BPF_PROG_TYPE_KPROBE,
        k.BPF_PROG_TYPE_TRACEPOINT,
        k.BPF_PROG_TYPE_PERF_EVENT,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
        k.BPF_PROG_TYPE_TRACING,
        k.BPF_PROG_TYPE_LSM,
        k.BPF_PROG_TYPE_STRUCT_OPS,
        k.BPF_PROG_TYPE_EXT,
    }
)

UNPRIVILEGED_MAPS: Final = frozenset(
    {
        k.BPF_MAP_TYPE_ARRAY,
        k.BPF_MAP_TYPE_PERCPU_ARRAY,
        k.BPF_MAP_TYPE_PROG_ARRAY,
        k.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
        k.BPF_MAP_TYPE_CGROUP_ARRAY,
        k.BPF_MAP_TYPE_ARRAY_OF_MAPS,
        k.BPF_MAP_TYPE_HASH,
        k.BPF_MAP_TYPE_PERCPU_HASH,
        k.BPF_MAP_TYPE_HASH_OF_MAPS,
        k.BPF_MAP_TYPE_RINGBUF,
        k.BPF_MAP_TYPE_USER_RINGBUF,
        k.BPF_MAP_TYPE_CGROUP_STORAGE,
        k.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
    }
)
NET_ADMIN_MAPS: Final = frozenset(
    {
        k.BPF_MAP_TYPE_SOCKMAP,
        k.BPF_MAP_TYPE_SOCKHASH,
        k.BPF_MAP_TYPE_DEVMAP,
        k.BPF_MAP_TYPE_DEVMAP_HASH,
        k.BPF_MAP_TYPE_XSKMAP,
    }
)
# bpf_local_storage_map_alloc_check() runs before the capabilities are checked, and requires BTF.
LOCAL_STORAGE: Final = frozenset(
    {
        k.BPF_MAP_TYPE_SK_STORAGE,
        k.BPF_MAP_TYPE_INODE_STORAGE,
        k.BPF_MAP_TYPE_TASK_STORAGE,
        k.BPF_MAP_TYPE_CGRP_STORAGE,
    }
)


def check_permission(env: VerifierEnv) -> None:
    """Rejects programs that the user's capabilities do not allow. Maps are checked first: they are created first."""
    caps = env.caps
    has_bpf = capable(caps, BPF)
    if not has_bpf and any(spec.map_type == k.BPF_MAP_TYPE_STRUCT_OPS for spec in env.program.object_maps):
        env.refuse(LOAD_STRUCT_OPS_BTF)
    for spec in env.program.object_maps or env.program.maps:
        wanted = _map_wants(spec)
        if spec.map_type in LOCAL_STORAGE and not has_bpf:
            env.refuse(LOAD_MAP_BTF, map=spec.full_name or spec.name)
        if wanted and not capable(caps, wanted):
            kind = _name("bpf_map_type", spec.map_type)
            env.refuse(LOAD_MAP_PRIVILEGE, map=spec.full_name or spec.name, type=kind, capability=wanted.upper())
    prog_type = env.program.prog_type
    if len(env.insns) > (BPF_COMPLEXITY_LIMIT_INSNS if has_bpf else BPF_MAXINSNS):
        most = BPF_COMPLEXITY_LIMIT_INSNS if has_bpf else BPF_MAXINSNS
        env.refuse(LOAD_PROGRAM_SIZE, count=len(env.insns), most=most)
    for wanted, asked in (
        (BPF, prog_type not in UNPRIVILEGED_TYPES),
        (NET_ADMIN, prog_type in NET_ADMIN_TYPES),
        (PERFMON, prog_type in PERFMON_TYPES),
    ):
        if asked and not capable(caps, wanted):
            kind = _name("bpf_prog_type", prog_type)
            env.refuse(LOAD_PROGRAM_PRIVILEGE, type=kind, capability=wanted.upper())


def _map_wants(spec: MapSpec) -> str:
    """The capability that is required to create such a map, "" for none."""
    if spec.map_type in UNPRIVILEGED_MAPS:
        return ""
    return NET_ADMIN if spec.map_type in NET_ADMIN_MAPS else BPF


def _name(enum: str, value: int) -> str:
    """The short name of a type: "XDP" for BPF_PROG_TYPE_XDP."""
    names = (name for name in k.ENUMS[enum] if getattr(k, name) == value)
    return next(names, str(value)).removeprefix(f"{enum.upper()}_")
