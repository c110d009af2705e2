"""Sizes of the context structures that programs see, by program type."""

from __future__ import annotations

from typing import Final

from vm.runner.context import GIVEN_CTX

# sizeof() of the structures of include/uapi/linux/bpf.h, and of struct pt_regs and the like.
_SIZES: Final = {
    "xdp": 24, "kprobe": 168, "perf_event": 184, "raw_tracepoint": 96, "raw_tracepoint_writable": 96, "tracing": 96,
    "lsm": 96, "tracepoint": 8192, "syscall": 256,
}  # fmt: skip
_SKB: Final = 192
_SKB_TYPES: Final = frozenset({"socket_filter", "sched_cls", "sched_act", "cgroup_skb", "lwt_in", "lwt_out",
                               "lwt_xmit", "lwt_seg6local"})  # fmt: skip
SKB_LEN: Final = 0
"""Offset of __sk_buff.len, which the packet decides."""


def size_of(kind: str) -> int:
    """Size in bytes of the context of a program type (a name)."""
    return _SKB if kind in _SKB_TYPES else _SIZES.get(kind, GIVEN_CTX)


def is_skb(kind: str) -> bool:
    return kind in _SKB_TYPES
