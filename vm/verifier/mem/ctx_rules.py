"""Accessible bytes of the context of each program type: is_valid_access() of struct bpf_verifier_ops as tables.

Layouts are those of include/uapi/linux/bpf.h. Sources: net/core/filter.c, kernel/trace/bpf_trace.c,
kernel/bpf/cgroup.c, kernel/bpf/syscall.c and drivers/media/rc/bpf-lirc.c.
"""

from __future__ import annotations

from typing import Final

from vm.kernel import types as k
from vm.namedtuples import NamedTuple
from vm.verifier.state import reg_types as t

# Allowed accesses of a field. Every access is aligned to its size.
NO: Final = 0
ANY: Final = 1  # any size
WITHIN: Final = 2  # any size that ends within the field
EXACT1: Final = 3
EXACT4: Final = 4
EXACT8: Final = 5
NARROW2: Final = 6  # a part of two bytes, loaded whole and masked
NARROW4: Final = 7
NARROW8: Final = 8
NARROW4_AT_START: Final = 9  # NARROW4 at the first byte, else four bytes
NARROW4_OR_PAIR: Final = 10  # NARROW4, or eight bytes of an IPv6 address
EXACT4_OR_PAIR: Final = 11
PORT_AS_4: Final = 12  # a 16-bit port, or with its padding as the 32 bits it once was
PORT_OR_4: Final = 13  # the same, and the four bytes are not masked
NARROW4_FROM_2: Final = 14  # two or four bytes of four


LOWEST: Final = -0x8000  # of what an instruction can say


class Field(NamedTuple):
    """Rules for bytes [lo, hi) of a context.

    reg_type -- register type after a read
    attach -- only programs of these attach types, empty for all
    capable -- only with CAP_BPF: 0 no, 1 for reads and writes, 2 for writes
    sign_extend -- loads with sign extension are allowed
    """

    lo: int
    hi: int
    read: int
    write: int = NO
    reg_type: int = t.SCALAR_VALUE
    attach: frozenset[int] = frozenset()
    capable: int = 0
    sign_extend: bool = True


class CtxRules(NamedTuple):
    """A context of `size` bytes: the first field that holds an offset decides, `other` if none does.

    lowest -- the lowest offset that is checked: 0, except for the one type whose check omits negative offsets
    """

    size: int
    fields: tuple[Field, ...]
    other: Field
    lowest: int = 0

    def find(self, off: int) -> Field:
        for field in self.fields:
            if field.lo <= off < field.hi:
                return field
        return self.other


def field_size(kind: int, field: Field, off: int, size: int) -> int:
    """-1 if the access is rejected; else the bytes to load before masking (ctx_field_size), 0 for the access's size."""
    if kind == NO:
        return -1
    if kind == ANY:
        return 0
    if kind == WITHIN:
        return 0 if off + size <= field.hi else -1
    exact = _EXACT.get(kind)
    if exact is not None:
        return 0 if size == exact else -1
    narrow = _NARROW.get(kind)
    if narrow is not None:
        return narrow if size <= narrow else -1
    if kind == NARROW4_AT_START:
        if off == field.lo:
            return 4 if size <= 4 else -1
        return 0 if size == 4 else -1
    if kind == NARROW4_FROM_2:
        return 4 if size in (2, 4) else -1
    if kind in (NARROW4_OR_PAIR, EXACT4_OR_PAIR):
        if size == 8:
            paired = off + 8 <= field.hi
            return -1 if not paired else 4 if kind == NARROW4_OR_PAIR else 0
        if kind == EXACT4_OR_PAIR:
            return 0 if size == 4 else -1
        return 4
    if size == 4:
        return 4 if kind == PORT_AS_4 else 0
    return 2 if size <= 2 else -1


_EXACT: Final = {EXACT1: 1, EXACT4: 4, EXACT8: 8}
_NARROW: Final = {NARROW2: 2, NARROW4: 4, NARROW8: 8}


def _layout(text: str) -> dict[str, tuple[int, int]]:
    """First byte and end of each field of "name:size name:size*count ...", laid out as C does."""
    out: dict[str, tuple[int, int]] = {}
    at = 0
    for item in text.split():
        name, _, width = item.partition(":")
        size, _, count = width.partition("*")
        at = -(-at // int(size)) * int(size)
        end = at + int(size) * int(count or 1)
        out[name] = (at, end)
        at = end
    return out


SKB: Final = _layout(
    "len:4 pkt_type:4 mark:4 queue_mapping:4 protocol:4 vlan_present:4 vlan_tci:4 vlan_proto:4 priority:4 "
    "ingress_ifindex:4 ifindex:4 tc_index:4 cb:4*5 hash:4 tc_classid:4 data:4 data_end:4 napi_id:4 family:4 "
    "remote_ip4:4 local_ip4:4 remote_ip6:4*4 local_ip6:4*4 remote_port:4 local_port:4 data_meta:4 flow_keys:8 "
    "tstamp:8 wire_len:4 gso_segs:4 sk:8 gso_size:4 tstamp_type:1 padding:1*3 hwtstamp:8"
)
SOCK: Final = _layout(
    "bound_dev_if:4 family:4 type:4 protocol:4 mark:4 priority:4 src_ip4:4 src_ip6:4*4 src_port:4 dst_port:2 "
    "padding:2 dst_ip4:4 dst_ip6:4*4 state:4 rx_queue_mapping:4"
)
SOCK_ADDR: Final = _layout(
    "user_family:4 user_ip4:4 user_ip6:4*4 user_port:4 family:4 type:4 protocol:4 msg_src_ip4:4 msg_src_ip6:4*4 sk:8"
)
SOCK_OPS: Final = _layout(
    "op:4 reply:4 args:4*3 family:4 remote_ip4:4 local_ip4:4 remote_ip6:4*4 local_ip6:4*4 remote_port:4 local_port:4 "
    "is_fullsock:4 snd_cwnd:4 srtt_us:4 bpf_sock_ops_cb_flags:4 state:4 rtt_min:4 snd_ssthresh:4 rcv_nxt:4 snd_nxt:4 "
    "snd_una:4 mss_cache:4 ecn_flags:4 rate_delivered:4 rate_interval_us:4 packets_out:4 retrans_out:4 "
    "total_retrans:4 segs_in:4 data_segs_in:4 segs_out:4 data_segs_out:4 lost_out:4 sacked_out:4 sk_txhash:4 "
    "bytes_received:8 bytes_acked:8 sk:8 skb_data:8 skb_data_end:8 skb_len:4 skb_tcp_flags:4 skb_hwtstamp:8"
)
SK_MSG: Final = _layout(
    "data:8 data_end:8 family:4 remote_ip4:4 local_ip4:4 remote_ip6:4*4 local_ip6:4*4 remote_port:4 local_port:4 "
    "size:4 sk:8"
)
SK_REUSEPORT: Final = _layout(
    "data:8 data_end:8 len:4 eth_protocol:4 ip_protocol:4 bind_inany:4 hash:4 sk:8 migrating_sk:8"
)
SK_LOOKUP: Final = _layout(
    "sk:8 family:4 protocol:4 remote_ip4:4 remote_ip6:4*4 remote_port:2 padding:2 local_ip4:4 local_ip6:4*4 "
    "local_port:4 ingress_ifindex:4"
)
SOCKOPT: Final = _layout("sk:8 optval:8 optval_end:8 level:4 optname:4 optlen:4 retval:4")

SKB_SIZE: Final = 192
PT_REGS_SIZE: Final = 168
FLOW_KEYS_SIZE: Final = 56
PERF_MAX_TRACE_SIZE: Final = 8192
MAX_BPF_FUNC_ARGS: Final = 12

_REFUSED: Final = Field(0, 0, NO)


def _attach(*types: int) -> frozenset[int]:
    return frozenset(types)


def _skb(
    *,
    denied: str = "",
    writable: str = "",
    packet: str = "",
    capable: str = "",
    capable_write: str = "",
    tstamp_type: bool = False,
) -> CtxRules:
    """bpf_skb_is_valid_access() with what one program type adds: names of fields of struct __sk_buff."""
    kinds: dict[str, tuple[int, int]] = {
        "cb": (WITHIN, WITHIN),
        "hwtstamp": (EXACT8, NO),
        "tstamp": (EXACT8, EXACT8),
        "sk": (EXACT8, NO),
        "flow_keys": (NO, NO),
        "tstamp_type": (EXACT1 if tstamp_type else NO, NO),
        "padding": (NO, NO),
    }
    exact = ("data", "data_end", "data_meta", "remote_ip4", "local_ip4", "remote_ip6", "local_ip6")
    pointers = {
        "data": t.PTR_TO_PACKET, "data_end": t.PTR_TO_PACKET_END, "data_meta": t.PTR_TO_PACKET_META,
    }  # fmt: skip
    refused, written = set(denied.split()), set(writable.split())
    fields = []
    for name, (lo, hi) in SKB.items():
        read, write = kinds.get(name, (EXACT4 if name in exact else NARROW4, EXACT4))
        if name in refused:
            read = write = NO
        reg_type = t.SCALAR_VALUE
        if name == "sk":
            reg_type = t.PTR_TO_SOCK_COMMON_OR_NULL
        elif name in packet.split():
            reg_type = pointers[name]
        fields.append(
            Field(
                lo,
                hi,
                read,
                write if name in written else NO,
                reg_type,
                capable=1 if name in capable.split() else 2 if name in capable_write.split() else 0,
                sign_extend=name not in pointers,
            )
        )
    return CtxRules(SKB_SIZE, tuple(fields), _REFUSED)


_TCP_LEVEL: Final = "family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port local_port"

_LWT: Final = _skb(
    denied=f"tc_classid data_meta tstamp wire_len hwtstamp {_TCP_LEVEL}",
    writable="mark priority cb",
    packet="data data_end",
)
_TC: Final = _skb(
    denied=_TCP_LEVEL,
    writable="mark tc_index priority tc_classid cb tstamp queue_mapping",
    packet="data data_end data_meta",
    tstamp_type=True,
)


def _named(layout: dict[str, tuple[int, int]], rules: dict[str, Field]) -> tuple[Field, ...]:
    """Fills in the offsets of rules that are written with field names only."""
    return tuple(field._replace(lo=layout[name][0], hi=layout[name][1]) for name, field in rules.items())


def _f(read: int, write: int = NO, reg_type: int = t.SCALAR_VALUE, attach: frozenset[int] = frozenset()) -> Field:
    return Field(0, 0, read, write, reg_type, attach)


_SOCK_FIELDS: Final = {
    "src_ip4": _f(NARROW4),
    "src_ip6": _f(NARROW4),
    "dst_ip4": _f(NARROW4),
    "dst_ip6": _f(NARROW4),
    "dst_port": _f(PORT_AS_4),
    "padding": _f(NO),
    "state": _f(NARROW4_AT_START),
    "family": _f(NARROW4_AT_START),
    "type": _f(NARROW4_AT_START),
    "protocol": _f(NARROW4_AT_START),
    "src_port": _f(NARROW4_AT_START),
    "rx_queue_mapping": _f(NARROW4_AT_START),
}
SOCK_RULES: Final = CtxRules(80, _named(SOCK, _SOCK_FIELDS), Field(0, 0, EXACT4))
SOCK_COMMON_RULES: Final = CtxRules(
    80,
    (Field(SOCK["type"][0], SOCK["priority"][1], NO), *SOCK_RULES.fields),
    SOCK_RULES.other,
)
TCP_SOCK_RULES: Final = CtxRules(112, (Field(80, 81, EXACT8), Field(88, 89, EXACT8)), Field(0, 0, EXACT4))
XDP_SOCK_RULES: Final = CtxRules(4, (), Field(0, 0, EXACT4))

_SOCK_LIFE: Final = _attach(k.BPF_CGROUP_INET_SOCK_CREATE, k.BPF_CGROUP_INET_SOCK_RELEASE)
_POST_BIND4: Final = _attach(k.BPF_CGROUP_INET4_POST_BIND)
_POST_BIND6: Final = _attach(k.BPF_CGROUP_INET6_POST_BIND)
_CGROUP_SOCK: Final = CtxRules(
    80,
    _named(
        SOCK,
        _SOCK_FIELDS
        | {name: _f(EXACT4, EXACT4, attach=_SOCK_LIFE) for name in ("bound_dev_if", "mark", "priority")}
        | {
            "src_ip4": _f(NARROW4, attach=_POST_BIND4),
            "src_ip6": _f(NARROW4, attach=_POST_BIND6),
            "src_port": _f(NARROW4_AT_START, attach=_POST_BIND4 | _POST_BIND6),
        },
    ),
    Field(0, 0, EXACT4),
)

_ADDR4: Final = _attach(
    k.BPF_CGROUP_INET4_BIND, k.BPF_CGROUP_INET4_CONNECT, k.BPF_CGROUP_INET4_GETPEERNAME,
    k.BPF_CGROUP_INET4_GETSOCKNAME, k.BPF_CGROUP_UDP4_SENDMSG, k.BPF_CGROUP_UDP4_RECVMSG,
)  # fmt: skip
_ADDR6: Final = _attach(
    k.BPF_CGROUP_INET6_BIND, k.BPF_CGROUP_INET6_CONNECT, k.BPF_CGROUP_INET6_GETPEERNAME,
    k.BPF_CGROUP_INET6_GETSOCKNAME, k.BPF_CGROUP_UDP6_SENDMSG, k.BPF_CGROUP_UDP6_RECVMSG,
)  # fmt: skip
_SOCK_ADDR: Final = CtxRules(
    72,
    _named(
        SOCK_ADDR,
        {
            "user_ip4": _f(NARROW4, EXACT4, attach=_ADDR4),
            "user_ip6": _f(NARROW4_OR_PAIR, EXACT4_OR_PAIR, attach=_ADDR6),
            "msg_src_ip4": _f(NARROW4, EXACT4, attach=_attach(k.BPF_CGROUP_UDP4_SENDMSG)),
            "msg_src_ip6": _f(NARROW4_OR_PAIR, EXACT4_OR_PAIR, attach=_attach(k.BPF_CGROUP_UDP6_SENDMSG)),
            "user_port": _f(NARROW4, EXACT4),
            "sk": _f(EXACT8, reg_type=t.PTR_TO_SOCKET),
            "user_family": _f(EXACT4),
            "family": _f(EXACT4),
            "type": _f(EXACT4),
            "protocol": _f(EXACT4),
        },
    ),
    _REFUSED,
)

_SOCK_OPS: Final = CtxRules(
    SOCK_OPS["skb_hwtstamp"][1],
    _named(
        SOCK_OPS,
        {
            "reply": _f(EXACT4, EXACT4),
            "sk_txhash": _f(EXACT4, EXACT4),
            "bytes_received": _f(EXACT8),
            "bytes_acked": _f(EXACT8),
            "sk": _f(EXACT8, reg_type=t.PTR_TO_SOCKET_OR_NULL),
            "skb_data": _f(EXACT8, reg_type=t.PTR_TO_PACKET),
            "skb_data_end": _f(EXACT8, reg_type=t.PTR_TO_PACKET_END),
            "skb_tcp_flags": _f(NARROW4_AT_START),
            "skb_hwtstamp": _f(EXACT8),
        },
    ),
    Field(0, 0, EXACT4),
)

_SK_MSG: Final = CtxRules(
    SK_MSG["sk"][1],
    _named(
        SK_MSG,
        {name: _f(EXACT4) for name in SK_MSG}
        | {
            "data": _f(EXACT8, reg_type=t.PTR_TO_PACKET),
            "data_end": _f(EXACT8, reg_type=t.PTR_TO_PACKET_END),
            "sk": _f(EXACT8, reg_type=t.PTR_TO_SOCKET),
        },
    ),
    _REFUSED,
)

_SK_REUSEPORT: Final = CtxRules(
    SK_REUSEPORT["migrating_sk"][1],
    _named(
        SK_REUSEPORT,
        {
            "data": _f(EXACT8, reg_type=t.PTR_TO_PACKET),
            "data_end": _f(EXACT8, reg_type=t.PTR_TO_PACKET_END),
            "hash": _f(EXACT4),
            "sk": _f(EXACT8, reg_type=t.PTR_TO_SOCKET),
            "migrating_sk": _f(EXACT8, reg_type=t.PTR_TO_SOCK_COMMON_OR_NULL),
            "eth_protocol": _f(NARROW4_FROM_2),
            "ip_protocol": _f(NARROW4),
            "bind_inany": _f(NARROW4),
            "len": _f(NARROW4),
        },
    ),
    _REFUSED,
)

_SK_LOOKUP: Final = CtxRules(
    72,
    _named(
        SK_LOOKUP,
        {name: _f(NARROW4) for name in SK_LOOKUP}
        | {
            "sk": _f(EXACT8, reg_type=t.PTR_TO_SOCKET_OR_NULL),
            "remote_port": _f(PORT_OR_4),
            "padding": _f(NARROW2),
        },
    ),
    _REFUSED,
)

_GETSOCKOPT: Final = _attach(k.BPF_CGROUP_GETSOCKOPT)
_SETSOCKOPT: Final = _attach(k.BPF_CGROUP_SETSOCKOPT)
_SOCKOPT_POINTERS: Final = {
    "sk": _f(EXACT8, reg_type=t.PTR_TO_SOCKET),
    "optval": _f(EXACT8, reg_type=t.PTR_TO_PACKET),
    "optval_end": _f(EXACT8, reg_type=t.PTR_TO_PACKET_END),
    "optlen": _f(EXACT4, EXACT4),
}
_SOCKOPT_GET: Final = CtxRules(
    40, _named(SOCKOPT, _SOCKOPT_POINTERS | {"retval": _f(EXACT4, EXACT4)}), Field(0, 0, EXACT4)
)
_SOCKOPT_SET: Final = CtxRules(
    40,
    _named(
        SOCKOPT,
        _SOCKOPT_POINTERS | {"retval": _f(NO), "level": _f(EXACT4, EXACT4), "optname": _f(EXACT4, EXACT4)},
    ),
    Field(0, 0, EXACT4),
)

_XDP: Final = CtxRules(
    24,
    (
        Field(0, 4, EXACT4, reg_type=t.PTR_TO_PACKET, sign_extend=False),
        Field(4, 8, EXACT4, reg_type=t.PTR_TO_PACKET_END, sign_extend=False),
        Field(8, 12, EXACT4, reg_type=t.PTR_TO_PACKET_META, sign_extend=False),
        Field(20, 24, EXACT4, attach=_attach(k.BPF_XDP_DEVMAP)),
    ),
    Field(0, 0, EXACT4),
)

_RAW_ARGS: Final = Field(0, 8 * MAX_BPF_FUNC_ARGS, ANY)

CTX_RULES: Final = {
    k.BPF_PROG_TYPE_SOCKET_FILTER: _skb(
        denied=f"tc_classid data data_meta data_end tstamp wire_len hwtstamp {_TCP_LEVEL}", writable="cb"
    ),
    k.BPF_PROG_TYPE_SCHED_CLS: _TC,
    k.BPF_PROG_TYPE_SCHED_ACT: _TC,
    k.BPF_PROG_TYPE_CGROUP_SKB: _skb(
        denied="tc_classid data_meta wire_len",
        writable="mark priority cb tstamp",
        packet="data data_end",
        capable="data data_end",
        capable_write="tstamp",
    ),
    k.BPF_PROG_TYPE_LWT_IN: _LWT,
    k.BPF_PROG_TYPE_LWT_OUT: _LWT,
    k.BPF_PROG_TYPE_LWT_XMIT: _LWT,
    k.BPF_PROG_TYPE_LWT_SEG6LOCAL: _LWT,
    k.BPF_PROG_TYPE_SK_SKB: _skb(
        denied="tc_classid data_meta tstamp wire_len hwtstamp mark",
        writable="tc_index priority",
        packet="data data_end",
    ),
    k.BPF_PROG_TYPE_FLOW_DISSECTOR: CtxRules(
        SKB_SIZE,
        (
            Field(*SKB["data"], EXACT4, reg_type=t.PTR_TO_PACKET, sign_extend=False),
            Field(*SKB["data_end"], EXACT4, reg_type=t.PTR_TO_PACKET_END, sign_extend=False),
            Field(*SKB["flow_keys"], EXACT8, reg_type=t.PTR_TO_FLOW_KEYS),
        ),
        _REFUSED,
    ),
    k.BPF_PROG_TYPE_XDP: _XDP,
    k.BPF_PROG_TYPE_KPROBE: CtxRules(PT_REGS_SIZE, (Field(0, PT_REGS_SIZE, WITHIN),), _REFUSED),
    k.BPF_PROG_TYPE_TRACEPOINT: CtxRules(
        # Before the record too: the kernel compares the offset with the size of a pointer as unsigned numbers.
        PERF_MAX_TRACE_SIZE, (Field(8, PERF_MAX_TRACE_SIZE, ANY), Field(LOWEST, 0, ANY)), _REFUSED, LOWEST
    ),
    k.BPF_PROG_TYPE_PERF_EVENT: CtxRules(
        184, (Field(168, 176, NARROW8), Field(176, 184, NARROW8)), Field(0, 0, EXACT8)
    ),
    k.BPF_PROG_TYPE_RAW_TRACEPOINT: CtxRules(_RAW_ARGS.hi, (_RAW_ARGS,), _REFUSED),
    k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: CtxRules(
        _RAW_ARGS.hi, (Field(0, 1, EXACT8, reg_type=t.PTR_TO_TP_BUFFER), _RAW_ARGS), _REFUSED
    ),
    k.BPF_PROG_TYPE_CGROUP_SOCK: _CGROUP_SOCK,
    k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: _SOCK_ADDR,
    k.BPF_PROG_TYPE_SOCK_OPS: _SOCK_OPS,
    k.BPF_PROG_TYPE_SK_MSG: _SK_MSG,
    k.BPF_PROG_TYPE_SK_REUSEPORT: _SK_REUSEPORT,
    k.BPF_PROG_TYPE_SK_LOOKUP: _SK_LOOKUP,
    k.BPF_PROG_TYPE_CGROUP_DEVICE: CtxRules(12, (Field(0, 4, NARROW4),), Field(0, 0, EXACT4)),
    k.BPF_PROG_TYPE_CGROUP_SYSCTL: CtxRules(8, (Field(0, 4, NARROW4), Field(4, 8, NARROW4, EXACT4)), _REFUSED),
    k.BPF_PROG_TYPE_LIRC_MODE2: CtxRules(4, (), Field(0, 0, EXACT4)),
    k.BPF_PROG_TYPE_SYSCALL: CtxRules(0xFFFF, (), Field(0, 0, ANY, ANY)),
}  # fmt: skip


def ctx_rules(prog_type: int, attach_type: int) -> CtxRules | None:
    """The rules for a program's context, None if it is described by kernel BTF."""
    if prog_type == k.BPF_PROG_TYPE_CGROUP_SOCKOPT:
        return _SOCKOPT_GET if attach_type in _GETSOCKOPT else _SOCKOPT_SET
    return CTX_RULES.get(prog_type)
