"""What a kernel was built without, or is too old for, of what programs of a type need."""

from __future__ import annotations

from typing import Final, NamedTuple

from vm.guests.images import version_key
from vm.guests.kernel import GuestKernel
from vm.kernel import types as t


class Need(NamedTuple):
    """A function of the kernel that is there if programs of a type are. since -- the first kernel that has them"""

    symbol: str
    option: str
    since: str = ""


_LWT: Final = Need("bpf_build_state", "CONFIG_LWTUNNEL_BPF")
NEEDS: Final = {
    t.BPF_PROG_TYPE_LIRC_MODE2: Need("lirc_prog_attach", "CONFIG_BPF_LIRC_MODE2"),
    t.BPF_PROG_TYPE_LWT_IN: _LWT,
    t.BPF_PROG_TYPE_LWT_OUT: _LWT,
    t.BPF_PROG_TYPE_LWT_XMIT: _LWT,
    t.BPF_PROG_TYPE_LWT_SEG6LOCAL: Need("input_action_end_bpf", "CONFIG_IPV6_SEG6_BPF"),
    t.BPF_PROG_TYPE_SK_MSG: Need("sk_psock_msg_verdict", "CONFIG_NET_SOCK_MSG"),
    t.BPF_PROG_TYPE_SK_SKB: Need("sk_psock_start_strp", "CONFIG_BPF_STREAM_PARSER"),
    t.BPF_PROG_TYPE_NETFILTER: Need("bpf_nf_link_attach", "CONFIG_NETFILTER_BPF_LINK", "6.4"),
    t.BPF_PROG_TYPE_SYSCALL: Need("bpf_prog_test_run_syscall", "CONFIG_BPF_SYSCALL", "5.14"),
}
"""By type of a program, in the kernel's sources: the Makefile line or #ifdef around the function."""


def lacking(kernel: GuestKernel, prog_type: int) -> str:
    """Why a kernel has no programs of a type, a sentence; "" if it has, or it is not known."""
    need = NEEDS.get(prog_type)
    if need is None or kernel.address(need.symbol) is not None:
        return ""
    if need.since and version_key(kernel.state.release) < version_key(need.since):
        return f"{kernel.name} has no programs of this type, which Linux {need.since} brought."
    return f"{kernel.name} was built without {need.option}, which programs of this type need."
