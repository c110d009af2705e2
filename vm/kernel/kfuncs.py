"""Kernel functions that programs may call by BTF id (kfuncs): their flags, and which program types may call them.

Names and flags are what scripts/extract_kfuncs.py read from the kernel image; who may call a set is what the
kernel's calls of register_btf_kfunc_id_set() say.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Final

from vm.kernel import types as k

KF_ACQUIRE: Final = 1 << 0
KF_RELEASE: Final = 1 << 1
KF_RET_NULL: Final = 1 << 2
KF_TRUSTED_ARGS: Final = 1 << 4
KF_SLEEPABLE: Final = 1 << 5
KF_DESTRUCTIVE: Final = 1 << 6
KF_RCU: Final = 1 << 7
KF_ITER_NEW: Final = 1 << 8
KF_ITER_NEXT: Final = 1 << 9
KF_ITER_DESTROY: Final = 1 << 10
KF_RCU_PROTECTED: Final = 1 << 11

# enum btf_kfunc_hook
COMMON: Final = "common"
_HOOKS: Final = {
    k.BPF_PROG_TYPE_XDP: "xdp",
    k.BPF_PROG_TYPE_SCHED_CLS: "tc",
    k.BPF_PROG_TYPE_STRUCT_OPS: "struct_ops",
    k.BPF_PROG_TYPE_TRACING: "tracing",
    k.BPF_PROG_TYPE_TRACEPOINT: "tracing",
    k.BPF_PROG_TYPE_PERF_EVENT: "tracing",
    k.BPF_PROG_TYPE_LSM: "tracing",
    k.BPF_PROG_TYPE_SYSCALL: "syscall",
    k.BPF_PROG_TYPE_CGROUP_SKB: "cgroup",
    k.BPF_PROG_TYPE_CGROUP_SOCK: "cgroup",
    k.BPF_PROG_TYPE_CGROUP_DEVICE: "cgroup",
    k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: "cgroup",
    k.BPF_PROG_TYPE_CGROUP_SOCKOPT: "cgroup",
    k.BPF_PROG_TYPE_CGROUP_SYSCTL: "cgroup",
    k.BPF_PROG_TYPE_SCHED_ACT: "sched_act",
    k.BPF_PROG_TYPE_SK_SKB: "sk_skb",
    k.BPF_PROG_TYPE_SOCKET_FILTER: "socket_filter",
    k.BPF_PROG_TYPE_LWT_OUT: "lwt",
    k.BPF_PROG_TYPE_LWT_IN: "lwt",
    k.BPF_PROG_TYPE_LWT_XMIT: "lwt",
    k.BPF_PROG_TYPE_LWT_SEG6LOCAL: "lwt",
    k.BPF_PROG_TYPE_NETFILTER: "netfilter",
    k.BPF_PROG_TYPE_KPROBE: "kprobe",
}

# One member of a set -> the hooks it is registered for.
_REGISTERED: Final = {
    "cgroup_rstat_flush": ("tracing",),
    "bpf_lookup_user_key": ("tracing",),
    "bpf_session_cookie": ("kprobe",),
    "bpf_task_acquire": ("tracing", "tc", "xdp", "struct_ops", "syscall", "cgroup"),
    "bpf_iter_num_new": (COMMON,),
    "bpf_map_sum_elem_count": (COMMON,),
    "bpf_arena_alloc_pages": (COMMON,),
    "bpf_cpumask_create": ("tracing", "struct_ops", "syscall"),
    "bpf_crypto_ctx_create": ("syscall",),
    "bpf_crypto_encrypt": ("tc", "sched_act", "xdp"),
    "bpf_get_fsverity_digest": ("tracing",),
    "bpf_get_file_xattr": ("tracing",),
    "bpf_dynptr_from_skb": (
        "tc", "sched_act", "sk_skb", "socket_filter", "cgroup", "lwt", "netfilter", "tracing",
    ),
    "bpf_dynptr_from_xdp": ("xdp",),
    "bpf_sock_addr_set_sun_path": ("cgroup",),
    "bpf_sk_assign_tcp_reqsk": ("tc",),
    "bpf_sock_destroy": ("tracing",),
    "bpf_xdp_metadata_rx_hash": ("xdp",),
    "bpf_kfunc_call_test_release": ("tc", "tracing", "syscall"),
    "cubictcp_init": ("struct_ops",),
    "tcp_slow_start": ("struct_ops",),
    "bpf_xdp_get_xfrm_state": ("xdp",),
}  # fmt: skip

# One member of a set -> (program type, attach type) that alone may call it, by the set's filter; None: any.
_FILTERED: Final = {
    "bpf_get_fsverity_digest": (k.BPF_PROG_TYPE_LSM, None),
    "bpf_get_file_xattr": (k.BPF_PROG_TYPE_LSM, None),
    "bpf_sock_destroy": (None, k.BPF_TRACE_ITER),
    "bpf_session_cookie": (None, k.BPF_TRACE_KPROBE_SESSION),
}


@cache
def _sets() -> tuple[dict[str, int], ...]:
    return tuple(dict(s) for s in json.loads(files("vm.kernel").joinpath("data/kfuncs.json").read_text()))


@cache
def _by_hook() -> dict[tuple[str, str], tuple[int, str]]:
    """(hook, function) -> (flags, the member its set is known by)."""
    out = {}
    for members in _sets():
        for known, hooks in _REGISTERED.items():
            if known in members:
                for name, flags in members.items():
                    for hook in hooks:
                        out[hook, name] = (flags, known)
    return out


def kfunc_flags(name: str, prog_type: int, attach_type: int) -> int | None:
    """KF_* flags of a kernel function, None if such a program may not call it (btf_kfunc_id_set_contains)."""
    table = _by_hook()
    found = table.get((COMMON, name)) or table.get((_HOOKS.get(prog_type, ""), name))
    if found is None:
        return None
    flags, known = found
    only_prog, only_attach = _FILTERED.get(known, (None, None))
    if only_prog not in (None, prog_type) or only_attach not in (None, attach_type):
        return None
    return flags
