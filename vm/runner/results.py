"""The meaning of a program's return value for its hook.

The kernel takes r0's lower 32 bits (bpf_prog_run() returns a u32); most hooks read them as an int. Raw instructions
without a hook have all 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from vm.kernel import errno
from vm.kernel import types as t
from vm.runner.inputs import MAX_PACKET


def _named(*names: str) -> dict[int, str]:
    """Numbers of the kernel's own constants."""
    return {int(getattr(t, name)): name for name in names}


XDP: Final = _named(*t.ENUMS["xdp_action"])
SK: Final = _named(*t.ENUMS["sk_action"])
# Values of enum bpf_ret_code that each hook understands.
LWT: Final = _named("BPF_OK", "BPF_DROP", "BPF_REDIRECT", "BPF_LWT_REROUTE")
FLOW: Final = _named("BPF_OK", "BPF_DROP", "BPF_FLOW_DISSECTOR_CONTINUE")
# Macros of pkt_cls.h and netfilter.h, which are in no BTF.
TC: Final = {-1: "TC_ACT_UNSPEC"} | dict(
    enumerate((
        "TC_ACT_OK", "TC_ACT_RECLASSIFY", "TC_ACT_SHOT", "TC_ACT_PIPE", "TC_ACT_STOLEN", "TC_ACT_QUEUED",
        "TC_ACT_REPEAT", "TC_ACT_REDIRECT", "TC_ACT_TRAP",
    ))
)  # fmt: skip
NETFILTER: Final = {0: "NF_DROP", 1: "NF_ACCEPT"}
CGROUP: Final = {0: "deny", 1: "allow"}
CGROUP_SKB: Final = {0: "drop", 1: "pass"}

ACTIONS: Final[Mapping[str, Mapping[int, str]]] = {
    "xdp": XDP,
    "sched_cls": TC,
    "sched_act": TC,
    "cgroup_skb": CGROUP_SKB,
    "cgroup_sock": CGROUP,
    "cgroup_sock_addr": CGROUP,
    "cgroup_device": CGROUP,
    "cgroup_sysctl": CGROUP,
    "cgroup_sockopt": CGROUP,
    "lwt_in": LWT,
    "lwt_out": LWT,
    "lwt_xmit": LWT,
    "lwt_seg6local": LWT,
    "sk_skb": SK,
    "sk_msg": SK,
    "sk_lookup": SK,
    "sk_reuseport": SK,
    "flow_dissector": FLOW,
    "netfilter": NETFILTER,
}
MAX_ERRNO: Final = 4095
# A number with two names (EWOULDBLOCK) keeps the first.
_ERRORS: Final = {value: name for name, value in reversed(vars(errno).items()) if name[:1] == "E"}


def signed_result(r0: int) -> int:
    """r0 as a hook that takes an int reads it."""
    value = r0 & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def errno_text(value: int) -> str:
    """A negative errno with its name ("-EACCES (-13)"); any other number as it is."""
    name = _ERRORS.get(-value)
    return f"-{name} ({value})" if name is not None and -MAX_ERRNO <= value < 0 else str(value)


def _socket_filter(r0: int) -> str:
    """Bytes of the packet to keep, an unsigned number."""
    size = r0 & 0xFFFFFFFF
    if size >= MAX_PACKET:
        return "keep the whole packet"
    return f"keep {size} bytes" if size else "drop"


def _xdp(r0: int) -> str:
    value = r0 & 0xFFFFFFFF
    return XDP.get(value) or f"{signed_result(r0)} (no XDP action: the packet is dropped)"


def _no_hook(r0: int) -> str:
    return str(r0 - (1 << 64) if r0 >> 63 else r0)


_SPECIAL: Final[Mapping[str, Callable[[int], str]]] = {
    "socket_filter": _socket_filter,
    "xdp": _xdp,
    "unspec": _no_hook,
}


def result_text(kind: str, r0: int, attach_type: int = 0) -> str:
    """r0 as the hook of a program of type `kind` reads it: an action's name, an error's name, or a number."""
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(r0)
    actions = CGROUP if kind == "lsm" and attach_type == t.BPF_LSM_CGROUP else ACTIONS.get(kind, {})
    value = signed_result(r0)
    return actions.get(value) or errno_text(value)
