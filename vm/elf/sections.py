"""What a section name says of the programs in it: libbpf 1.5's table of section definitions."""

from __future__ import annotations

from typing import Final

from vm.kernel import types as t
from vm.namedtuples import NamedTuple

BPF_F_SLEEPABLE: Final = 1 << 4
BPF_F_XDP_HAS_FRAGS: Final = 1 << 5

_SLEEPABLE: Final = 1
_XDP_FRAGS: Final = 2
_ATTACH_BTF: Final = 4
_USDT: Final = 8
_ATTACH_OPTIONAL: Final = 16


class SectionDef(NamedTuple):
    """`name` ending in + also matches what follows a slash; without, only itself."""

    name: str
    prog_type: int
    attach_type: int = 0
    flags: int = 0

    def matches(self, section: str) -> bool:
        if not self.name.endswith("+"):
            return section == self.name
        stem = self.name[:-1]
        return section == stem or section.startswith(stem + "/")

    @property
    def prog_flags(self) -> int:
        """Flags of BPF_PROG_LOAD that libbpf sets for such a program."""
        return (BPF_F_SLEEPABLE if self.flags & _SLEEPABLE else 0) | (
            BPF_F_XDP_HAS_FRAGS if self.flags & _XDP_FRAGS else 0
        )

    @property
    def attaches_by_btf(self) -> bool:
        """Whether what follows the slash names a kernel function, hook or program by BTF."""
        return bool(self.flags & _ATTACH_BTF)

    @property
    def attach_optional(self) -> bool:
        """Whether libbpf leaves the attach type out where it seems unknown to the kernel (SEC_EXP_ATTACH_OPT)."""
        return bool(self.flags & _ATTACH_OPTIONAL)

    @property
    def expected_attach_type(self) -> int:
        """USDT programs attach through uprobe-multi links, which the kernel has."""
        return t.BPF_TRACE_UPROBE_MULTI if self.flags & _USDT else self.attach_type


# Order matters: the first that matches counts.
SECTION_DEFS: Final = (
    SectionDef("socket", t.BPF_PROG_TYPE_SOCKET_FILTER),
    SectionDef("sk_reuseport/migrate", t.BPF_PROG_TYPE_SK_REUSEPORT, t.BPF_SK_REUSEPORT_SELECT_OR_MIGRATE),
    SectionDef("sk_reuseport", t.BPF_PROG_TYPE_SK_REUSEPORT, t.BPF_SK_REUSEPORT_SELECT),
    SectionDef("kprobe+", t.BPF_PROG_TYPE_KPROBE),
    SectionDef("uprobe+", t.BPF_PROG_TYPE_KPROBE),
    SectionDef("uprobe.s+", t.BPF_PROG_TYPE_KPROBE, 0, _SLEEPABLE),
    SectionDef("kretprobe+", t.BPF_PROG_TYPE_KPROBE),
    SectionDef("uretprobe+", t.BPF_PROG_TYPE_KPROBE),
    SectionDef("uretprobe.s+", t.BPF_PROG_TYPE_KPROBE, 0, _SLEEPABLE),
    SectionDef("kprobe.multi+", t.BPF_PROG_TYPE_KPROBE, t.BPF_TRACE_KPROBE_MULTI),
    SectionDef("kretprobe.multi+", t.BPF_PROG_TYPE_KPROBE, t.BPF_TRACE_KPROBE_MULTI),
    SectionDef("kprobe.session+", t.BPF_PROG_TYPE_KPROBE, t.BPF_TRACE_KPROBE_SESSION),
    SectionDef("uprobe.multi+", t.BPF_PROG_TYPE_KPROBE, t.BPF_TRACE_UPROBE_MULTI),
    SectionDef("uretprobe.multi+", t.BPF_PROG_TYPE_KPROBE, t.BPF_TRACE_UPROBE_MULTI),
    SectionDef("uprobe.multi.s+", t.BPF_PROG_TYPE_KPROBE, t.BPF_TRACE_UPROBE_MULTI, _SLEEPABLE),
    SectionDef("uretprobe.multi.s+", t.BPF_PROG_TYPE_KPROBE, t.BPF_TRACE_UPROBE_MULTI, _SLEEPABLE),
    SectionDef("ksyscall+", t.BPF_PROG_TYPE_KPROBE),
    SectionDef("kretsyscall+", t.BPF_PROG_TYPE_KPROBE),
    SectionDef("usdt+", t.BPF_PROG_TYPE_KPROBE, 0, _USDT),
    SectionDef("usdt.s+", t.BPF_PROG_TYPE_KPROBE, 0, _USDT | _SLEEPABLE),
    SectionDef("tc/ingress", t.BPF_PROG_TYPE_SCHED_CLS, t.BPF_TCX_INGRESS),
    SectionDef("tc/egress", t.BPF_PROG_TYPE_SCHED_CLS, t.BPF_TCX_EGRESS),
    SectionDef("tcx/ingress", t.BPF_PROG_TYPE_SCHED_CLS, t.BPF_TCX_INGRESS),
    SectionDef("tcx/egress", t.BPF_PROG_TYPE_SCHED_CLS, t.BPF_TCX_EGRESS),
    SectionDef("tc", t.BPF_PROG_TYPE_SCHED_CLS),
    SectionDef("classifier", t.BPF_PROG_TYPE_SCHED_CLS),
    SectionDef("action", t.BPF_PROG_TYPE_SCHED_ACT),
    SectionDef("netkit/primary", t.BPF_PROG_TYPE_SCHED_CLS, t.BPF_NETKIT_PRIMARY),
    SectionDef("netkit/peer", t.BPF_PROG_TYPE_SCHED_CLS, t.BPF_NETKIT_PEER),
    SectionDef("tracepoint+", t.BPF_PROG_TYPE_TRACEPOINT),
    SectionDef("tp+", t.BPF_PROG_TYPE_TRACEPOINT),
    SectionDef("raw_tracepoint+", t.BPF_PROG_TYPE_RAW_TRACEPOINT),
    SectionDef("raw_tp+", t.BPF_PROG_TYPE_RAW_TRACEPOINT),
    SectionDef("raw_tracepoint.w+", t.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE),
    SectionDef("raw_tp.w+", t.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE),
    SectionDef("tp_btf+", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_RAW_TP, _ATTACH_BTF),
    SectionDef("fentry+", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_FENTRY, _ATTACH_BTF),
    SectionDef("fmod_ret+", t.BPF_PROG_TYPE_TRACING, t.BPF_MODIFY_RETURN, _ATTACH_BTF),
    SectionDef("fexit+", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_FEXIT, _ATTACH_BTF),
    SectionDef("fentry.s+", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_FENTRY, _ATTACH_BTF | _SLEEPABLE),
    SectionDef("fmod_ret.s+", t.BPF_PROG_TYPE_TRACING, t.BPF_MODIFY_RETURN, _ATTACH_BTF | _SLEEPABLE),
    SectionDef("fexit.s+", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_FEXIT, _ATTACH_BTF | _SLEEPABLE),
    SectionDef("freplace+", t.BPF_PROG_TYPE_EXT, 0, _ATTACH_BTF),
    SectionDef("lsm+", t.BPF_PROG_TYPE_LSM, t.BPF_LSM_MAC, _ATTACH_BTF),
    SectionDef("lsm.s+", t.BPF_PROG_TYPE_LSM, t.BPF_LSM_MAC, _ATTACH_BTF | _SLEEPABLE),
    SectionDef("lsm_cgroup+", t.BPF_PROG_TYPE_LSM, t.BPF_LSM_CGROUP, _ATTACH_BTF),
    SectionDef("iter+", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_ITER, _ATTACH_BTF),
    SectionDef("iter.s+", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_ITER, _ATTACH_BTF | _SLEEPABLE),
    SectionDef("syscall", t.BPF_PROG_TYPE_SYSCALL, 0, _SLEEPABLE),
    SectionDef("xdp.frags/devmap", t.BPF_PROG_TYPE_XDP, t.BPF_XDP_DEVMAP, _XDP_FRAGS),
    SectionDef("xdp/devmap", t.BPF_PROG_TYPE_XDP, t.BPF_XDP_DEVMAP),
    SectionDef("xdp.frags/cpumap", t.BPF_PROG_TYPE_XDP, t.BPF_XDP_CPUMAP, _XDP_FRAGS),
    SectionDef("xdp/cpumap", t.BPF_PROG_TYPE_XDP, t.BPF_XDP_CPUMAP),
    SectionDef("xdp.frags", t.BPF_PROG_TYPE_XDP, t.BPF_XDP, _XDP_FRAGS),
    SectionDef("xdp", t.BPF_PROG_TYPE_XDP, t.BPF_XDP, _ATTACH_OPTIONAL),
    SectionDef("perf_event", t.BPF_PROG_TYPE_PERF_EVENT),
    SectionDef("lwt_in", t.BPF_PROG_TYPE_LWT_IN),
    SectionDef("lwt_out", t.BPF_PROG_TYPE_LWT_OUT),
    SectionDef("lwt_xmit", t.BPF_PROG_TYPE_LWT_XMIT),
    SectionDef("lwt_seg6local", t.BPF_PROG_TYPE_LWT_SEG6LOCAL),
    SectionDef("sockops", t.BPF_PROG_TYPE_SOCK_OPS, t.BPF_CGROUP_SOCK_OPS, _ATTACH_OPTIONAL),
    SectionDef("sk_skb/stream_parser", t.BPF_PROG_TYPE_SK_SKB, t.BPF_SK_SKB_STREAM_PARSER, _ATTACH_OPTIONAL),
    SectionDef("sk_skb/stream_verdict", t.BPF_PROG_TYPE_SK_SKB, t.BPF_SK_SKB_STREAM_VERDICT, _ATTACH_OPTIONAL),
    SectionDef("sk_skb/verdict", t.BPF_PROG_TYPE_SK_SKB, t.BPF_SK_SKB_VERDICT, _ATTACH_OPTIONAL),
    SectionDef("sk_skb", t.BPF_PROG_TYPE_SK_SKB),
    SectionDef("sk_msg", t.BPF_PROG_TYPE_SK_MSG, t.BPF_SK_MSG_VERDICT, _ATTACH_OPTIONAL),
    SectionDef("lirc_mode2", t.BPF_PROG_TYPE_LIRC_MODE2, t.BPF_LIRC_MODE2, _ATTACH_OPTIONAL),
    SectionDef("flow_dissector", t.BPF_PROG_TYPE_FLOW_DISSECTOR, t.BPF_FLOW_DISSECTOR, _ATTACH_OPTIONAL),
    SectionDef("cgroup_skb/ingress", t.BPF_PROG_TYPE_CGROUP_SKB, t.BPF_CGROUP_INET_INGRESS, _ATTACH_OPTIONAL),
    SectionDef("cgroup_skb/egress", t.BPF_PROG_TYPE_CGROUP_SKB, t.BPF_CGROUP_INET_EGRESS, _ATTACH_OPTIONAL),
    SectionDef("cgroup/skb", t.BPF_PROG_TYPE_CGROUP_SKB),
    SectionDef("cgroup/sock_create", t.BPF_PROG_TYPE_CGROUP_SOCK, t.BPF_CGROUP_INET_SOCK_CREATE),
    SectionDef("cgroup/sock_release", t.BPF_PROG_TYPE_CGROUP_SOCK, t.BPF_CGROUP_INET_SOCK_RELEASE),
    SectionDef("cgroup/sock", t.BPF_PROG_TYPE_CGROUP_SOCK, t.BPF_CGROUP_INET_SOCK_CREATE, _ATTACH_OPTIONAL),
    SectionDef("cgroup/post_bind4", t.BPF_PROG_TYPE_CGROUP_SOCK, t.BPF_CGROUP_INET4_POST_BIND),
    SectionDef("cgroup/post_bind6", t.BPF_PROG_TYPE_CGROUP_SOCK, t.BPF_CGROUP_INET6_POST_BIND),
    SectionDef("cgroup/bind4", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_INET4_BIND),
    SectionDef("cgroup/bind6", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_INET6_BIND),
    SectionDef("cgroup/connect4", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_INET4_CONNECT),
    SectionDef("cgroup/connect6", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_INET6_CONNECT),
    SectionDef("cgroup/connect_unix", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UNIX_CONNECT),
    SectionDef("cgroup/sendmsg4", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UDP4_SENDMSG),
    SectionDef("cgroup/sendmsg6", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UDP6_SENDMSG),
    SectionDef("cgroup/sendmsg_unix", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UNIX_SENDMSG),
    SectionDef("cgroup/recvmsg4", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UDP4_RECVMSG),
    SectionDef("cgroup/recvmsg6", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UDP6_RECVMSG),
    SectionDef("cgroup/recvmsg_unix", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UNIX_RECVMSG),
    SectionDef("cgroup/getpeername4", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_INET4_GETPEERNAME),
    SectionDef("cgroup/getpeername6", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_INET6_GETPEERNAME),
    SectionDef("cgroup/getpeername_unix", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UNIX_GETPEERNAME),
    SectionDef("cgroup/getsockname4", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_INET4_GETSOCKNAME),
    SectionDef("cgroup/getsockname6", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_INET6_GETSOCKNAME),
    SectionDef("cgroup/getsockname_unix", t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, t.BPF_CGROUP_UNIX_GETSOCKNAME),
    SectionDef("cgroup/sysctl", t.BPF_PROG_TYPE_CGROUP_SYSCTL, t.BPF_CGROUP_SYSCTL),
    SectionDef("cgroup/getsockopt", t.BPF_PROG_TYPE_CGROUP_SOCKOPT, t.BPF_CGROUP_GETSOCKOPT),
    SectionDef("cgroup/setsockopt", t.BPF_PROG_TYPE_CGROUP_SOCKOPT, t.BPF_CGROUP_SETSOCKOPT),
    SectionDef("cgroup/dev", t.BPF_PROG_TYPE_CGROUP_DEVICE, t.BPF_CGROUP_DEVICE, _ATTACH_OPTIONAL),
    SectionDef("struct_ops+", t.BPF_PROG_TYPE_STRUCT_OPS),
    SectionDef("struct_ops.s+", t.BPF_PROG_TYPE_STRUCT_OPS, 0, _SLEEPABLE),
    SectionDef("sk_lookup", t.BPF_PROG_TYPE_SK_LOOKUP, t.BPF_SK_LOOKUP),
    SectionDef("netfilter", t.BPF_PROG_TYPE_NETFILTER, t.BPF_NETFILTER),
)


def section_def(section: str) -> SectionDef | None:
    """The definition for a section name (without a leading question mark), or None if libbpf knows none."""
    return next((d for d in SECTION_DEFS if d.matches(section)), None)
