"""Program types by the names people use."""

from __future__ import annotations

from functools import cache
from typing import Final

from vm.kernel import types as k
from vm.kernel.helpers import helper_proto, program_types
from vm.kernel.hooks import all_struct_ops

_NAMES: Final = {
    k.BPF_PROG_TYPE_SOCKET_FILTER: "socket filter", k.BPF_PROG_TYPE_KPROBE: "kprobe and uprobe",
    k.BPF_PROG_TYPE_SCHED_CLS: "tc", k.BPF_PROG_TYPE_SCHED_ACT: "tc action", k.BPF_PROG_TYPE_TRACEPOINT: "tracepoint",
    k.BPF_PROG_TYPE_XDP: "XDP", k.BPF_PROG_TYPE_PERF_EVENT: "perf event", k.BPF_PROG_TYPE_CGROUP_SKB: "cgroup_skb",
    k.BPF_PROG_TYPE_CGROUP_SOCK: "cgroup/sock", k.BPF_PROG_TYPE_LWT_IN: "lwt_in", k.BPF_PROG_TYPE_LWT_OUT: "lwt_out",
    k.BPF_PROG_TYPE_LWT_XMIT: "lwt_xmit", k.BPF_PROG_TYPE_SOCK_OPS: "sockops", k.BPF_PROG_TYPE_SK_SKB: "sk_skb",
    k.BPF_PROG_TYPE_CGROUP_DEVICE: "cgroup/dev", k.BPF_PROG_TYPE_SK_MSG: "sk_msg",
    k.BPF_PROG_TYPE_RAW_TRACEPOINT: "raw tracepoint", k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: "cgroup socket address",
    k.BPF_PROG_TYPE_LWT_SEG6LOCAL: "lwt_seg6local", k.BPF_PROG_TYPE_LIRC_MODE2: "lirc_mode2",
    k.BPF_PROG_TYPE_SK_REUSEPORT: "sk_reuseport", k.BPF_PROG_TYPE_FLOW_DISSECTOR: "flow_dissector",
    k.BPF_PROG_TYPE_CGROUP_SYSCTL: "cgroup/sysctl",
    k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: "writable raw tracepoint",
    k.BPF_PROG_TYPE_CGROUP_SOCKOPT: "cgroup socket option", k.BPF_PROG_TYPE_TRACING: "fentry, fexit, tp_btf and iter",
    k.BPF_PROG_TYPE_STRUCT_OPS: "struct_ops", k.BPF_PROG_TYPE_EXT: "freplace", k.BPF_PROG_TYPE_LSM: "LSM",
    k.BPF_PROG_TYPE_SK_LOOKUP: "sk_lookup", k.BPF_PROG_TYPE_SYSCALL: "syscall",
    k.BPF_PROG_TYPE_NETFILTER: "netfilter",
}  # fmt: skip

_ATTACH: Final = {
    k.BPF_TRACE_FENTRY: "fentry", k.BPF_TRACE_FEXIT: "fexit", k.BPF_MODIFY_RETURN: "fmod_ret",
    k.BPF_TRACE_ITER: "iter", k.BPF_TRACE_RAW_TP: "tp_btf",
}  # fmt: skip


SLEEPABLE: Final = frozenset(
    {
        "fentry", "fexit", "fmod_ret", "iter", "lsm", "struct_ops", "uprobe", "uprobe.multi", "uretprobe",
        "uretprobe.multi", "usdt",
    }
)  # fmt: skip
"""Beginnings of section names that have a form for programs that may sleep: "fentry" has "fentry.s"."""


def sleepable_form(section: str) -> str:
    """What makes a program that may sleep of one in a section, for a sentence."""
    kind, _, hook = section.partition("/")
    if kind in SLEEPABLE:
        return f'a sleepable program, with SEC("{kind}.s{"/…" if hook else ""}"), where the hook allows it'
    return "a program of a type that may sleep: fentry.s, fexit.s, fmod_ret.s, lsm.s, iter.s, uprobe.s or syscall"


def type_name(prog_type: int, attach: int | None = None) -> str:
    """What people call programs of a type: "XDP"; of tracing programs by their attach type: "fentry"."""
    if prog_type == k.BPF_PROG_TYPE_TRACING and attach in _ATTACH:
        return _ATTACH[attach]
    return _NAMES.get(prog_type, f"type {prog_type}")


def named_types() -> frozenset[int]:
    """The types that have a name here."""
    return frozenset(_NAMES)


@cache
def types_with(func_id: int) -> tuple[int, ...]:
    """Program types that have a helper at any attach point, to a user who may do everything."""
    attaches = range(len(k.ENUMS["bpf_attach_type"]))
    return tuple(
        prog_type
        for prog_type in sorted(program_types())
        if any(
            helper_proto(prog_type, attach, func_id, sleepable=sleepable, hook=hook) is not None
            for hook in (all_struct_ops() if prog_type == k.BPF_PROG_TYPE_STRUCT_OPS else ("",))
            for attach in (attaches if not hook else (0,))
            for sleepable in (False, True)
        )
    )


@cache
def hooks_with(prog_type: int, func_id: int) -> tuple[str, ...]:
    """The names of the attach types at which programs of a type have a helper; () where they are not told apart so."""
    if prog_type == k.BPF_PROG_TYPE_STRUCT_OPS:
        return ()
    return tuple(
        k.enum_name("bpf_attach_type", attach)
        for attach in range(1, len(k.ENUMS["bpf_attach_type"]))
        if any(helper_proto(prog_type, attach, func_id, sleepable=each) is not None for each in (False, True))
    )
