"""Sockets and what programs around them get as context, to the kernel's structures (net/core/filter.c)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.verifier.fixups.build import jmp_imm, ldx, mov32_imm, stx
from vm.verifier.fixups.ctx.recipe import (
    NO_QUEUE_MAPPING,
    Access,
    Recipe,
    Table,
    at_offset,
    fixed,
    full_socket,
    load,
    nested,
    offset,
    read,
    read_checked,
    read_own_size,
    read_write,
    shinfo,
    size_of,
    spare_register,
    table,
)  # fmt: skip
from vm.verifier.fixups.ctx.skb import port_to_user

_OPS: Final = "bpf_sock_ops_kern"
# Fields of struct bpf_tcp_sock and struct bpf_sock_ops that are struct tcp_sock's.
_TCP_FIELDS: Final = (
    "snd_cwnd", "srtt_us", "snd_ssthresh", "rcv_nxt", "snd_nxt", "snd_una", "mss_cache", "ecn_flags", "rate_delivered",
    "rate_interval_us", "packets_out", "retrans_out", "total_retrans", "segs_in", "data_segs_in", "segs_out",
    "data_segs_out", "lost_out", "sacked_out", "bytes_received", "bytes_acked",
)  # fmt: skip
_RTT_MIN: Final = "tcp_sock.rtt_min.s"


def _queue(dst: int) -> list[Insn]:
    return [jmp_imm(bpf.JNE, dst, NO_QUEUE_MAPPING, 1), mov32_imm(dst, -1)]


SOCK: Final[Table] = table(
    "bpf_sock",
    {
        "bound_dev_if": read_write("sock.__sk_common.skc_bound_dev_if"),
        "mark": read_write("sock.sk_mark"),
        "priority": read_write("sock.sk_priority"),
        "family": read("sock_common.skc_family"),
        "type": read("sock.sk_type"),
        "protocol": read("sock.sk_protocol"),
        "src_ip4": read_own_size("sock_common.skc_rcv_saddr"),
        "dst_ip4": read_own_size("sock_common.skc_daddr"),
        "src_port": read("sock_common.skc_num"),
        "dst_port": read("sock_common.skc_dport"),
        "state": read("sock_common.skc_state"),
        "rx_queue_mapping": read("sock.__sk_common.skc_rx_queue_mapping", then=_queue)._replace(target_size=4),
    },
    {
        "src_ip6": read_own_size("sock_common.skc_v6_rcv_saddr"),
        "dst_ip6": read_own_size("sock_common.skc_v6_daddr"),
    },
)

TCP_SOCK: Final[Table] = table(
    "bpf_tcp_sock",
    {
        "rtt_min": fixed(4, offset(_RTT_MIN, "minmax_sample.v")),
        **{name: read(f"tcp_sock.{name}") for name in (*_TCP_FIELDS, "dsack_dups", "delivered", "delivered_ce")},
        "icsk_retransmits": read("inet_connection_sock.icsk_retransmits"),
    },
)


def _of_socket(field: str) -> Recipe:
    return Recipe(lambda access: full_socket(access, _OPS, field), size_of(field))


def _rtt_min(access: Access) -> list[Insn]:
    """As full_socket(), of the 32-bit value of the first sample."""
    insns = full_socket(access, _OPS, "tcp_sock.snd_cwnd")
    dst, wrong = access.dst, load("tcp_sock.snd_cwnd", access.dst, access.dst)
    right = ldx(bpf.W, dst, dst, offset(_RTT_MIN, "minmax_sample.v"))
    return [right if insn == wrong else insn for insn in insns]


def _txhash(access: Access) -> list[Insn]:
    if not access.write:
        return full_socket(access, _OPS, "sock.sk_txhash")
    reg, ctx, insn = spare_register(access), access.dst, access.insn
    temp = offset(f"{_OPS}.temp")
    return [
        stx(bpf.DW, ctx, reg, temp),
        load(f"{_OPS}.is_fullsock", reg, ctx),
        jmp_imm(bpf.JEQ, reg, 0, 2),
        load(f"{_OPS}.sk", reg, ctx),
        Insn(bpf.W | bpf.MEM | bpf.cls(insn.code), reg, access.src, offset("sock.sk_txhash"), insn.imm),
        ldx(bpf.DW, reg, ctx, temp),
    ]


def _skb_tcp_flags(access: Access) -> list[Insn]:
    dst = access.dst
    flags = ldx(bpf.B, dst, dst, offset("sk_buff.cb", "tcp_skb_cb.tcp_flags"))
    return [load(f"{_OPS}.skb", dst, access.src), jmp_imm(bpf.JEQ, dst, 0, 1), flags]


def _skb_hwtstamp(access: Access) -> list[Insn]:
    dst = access.dst
    rest = [*shinfo(dst, dst), load("skb_shared_info.hwtstamps", dst, dst)]
    return [load(f"{_OPS}.skb", dst, access.src), jmp_imm(bpf.JEQ, dst, 0, len(rest)), *rest]


SOCK_OPS: Final[Table] = table(
    "bpf_sock_ops",
    {
        "op": read(f"{_OPS}.op"),
        "family": read(f"{_OPS}.sk", "sock_common.skc_family"),
        "remote_ip4": read(f"{_OPS}.sk", "sock_common.skc_daddr"),
        "local_ip4": read(f"{_OPS}.sk", "sock_common.skc_rcv_saddr"),
        "remote_port": read(f"{_OPS}.sk", "sock_common.skc_dport", then=port_to_user),
        "local_port": read(f"{_OPS}.sk", "sock_common.skc_num"),
        "is_fullsock": read(f"{_OPS}.is_fullsock"),
        "state": read(f"{_OPS}.sk", "sock_common.skc_state"),
        "rtt_min": Recipe(_rtt_min, 4),
        "bpf_sock_ops_cb_flags": _of_socket("tcp_sock.bpf_sock_ops_cb_flags"),
        "sk_txhash": Recipe(_txhash, 4),
        **{name: _of_socket(f"tcp_sock.{name}") for name in _TCP_FIELDS},
        "sk": Recipe(lambda access: full_socket(access, _OPS, None)),
        "skb_data_end": read(f"{_OPS}.skb_data_end"),
        "skb_data": read_checked(f"{_OPS}.skb", "sk_buff.data"),
        "skb_len": read_checked(f"{_OPS}.skb", "sk_buff.len"),
        "skb_tcp_flags": Recipe(_skb_tcp_flags, 1),
        "skb_hwtstamp": Recipe(_skb_hwtstamp, 8),
    },
    {
        "replylong": at_offset(offset(f"{_OPS}.replylong")),
        "remote_ip6": read(f"{_OPS}.sk", "sock_common.skc_v6_daddr"),
        "local_ip6": read(f"{_OPS}.sk", "sock_common.skc_v6_rcv_saddr"),
    },
)

SK_MSG: Final[Table] = table(
    "sk_msg_md",
    {
        "data": read("sk_msg.data"),
        "data_end": read("sk_msg.data_end"),
        "family": read("sk_msg.sk", "sock_common.skc_family"),
        "remote_ip4": read("sk_msg.sk", "sock_common.skc_daddr"),
        "local_ip4": read("sk_msg.sk", "sock_common.skc_rcv_saddr"),
        "remote_port": read("sk_msg.sk", "sock_common.skc_dport", then=port_to_user),
        "local_port": read("sk_msg.sk", "sock_common.skc_num"),
        "size": read("sk_msg_sg.size"),
        "sk": read("sk_msg.sk"),
    },
    {
        "remote_ip6": read("sk_msg.sk", "sock_common.skc_v6_daddr"),
        "local_ip6": read("sk_msg.sk", "sock_common.skc_v6_rcv_saddr"),
    },
)

_ADDR: Final = "bpf_sock_addr_kern"
_ADDR_TMP: Final = f"{_ADDR}.tmp_reg"


def _user_port(access: Access) -> list[Insn]:
    """The context's port has four bytes, the address's two: a narrower access keeps its own size."""
    narrow = bpf.SIZE_BYTES[access.size] < size_of("sockaddr_in6.sin6_port")
    return nested(f"{_ADDR}.uaddr", "sockaddr_in6.sin6_port", _ADDR_TMP, own_size=narrow).emit(access)


SOCK_ADDR: Final[Table] = table(
    "bpf_sock_addr",
    {
        "user_family": read(f"{_ADDR}.uaddr", "sockaddr.sa_family"),
        "user_ip4": nested(f"{_ADDR}.uaddr", "sockaddr_in.sin_addr", _ADDR_TMP, own_size=True),
        "user_port": Recipe(_user_port, 2),
        "family": read(f"{_ADDR}.sk", "sock.__sk_common.skc_family"),
        "type": read(f"{_ADDR}.sk", "sock.sk_type"),
        "protocol": read(f"{_ADDR}.sk", "sock.sk_protocol"),
        "msg_src_ip4": nested(f"{_ADDR}.t_ctx", "in_addr.s_addr", _ADDR_TMP, own_size=True),
        "sk": read(f"{_ADDR}.sk"),
    },
    {
        "user_ip6": nested(f"{_ADDR}.uaddr", "sockaddr_in6.sin6_addr", _ADDR_TMP, own_size=True),
        "msg_src_ip6": nested(f"{_ADDR}.t_ctx", "in6_addr.in6_u", _ADDR_TMP, own_size=True),
    },
)

_LOOKUP: Final = "bpf_sk_lookup_kern"


def _address(field: str) -> Recipe:
    def emit(access: Access) -> list[Insn]:
        dst = access.dst
        return [
            load(field, dst, access.src),
            jmp_imm(bpf.JEQ, dst, 0, 1),
            ldx(bpf.W, dst, dst, access.rel),
        ]

    return Recipe(emit, 4)


_SK_LOOKUP_EXACT: Final[Table] = table(
    "bpf_sk_lookup",
    {
        "sk": read(f"{_LOOKUP}.selected_sk"),
        "family": read(f"{_LOOKUP}.family"),
        "protocol": read(f"{_LOOKUP}.protocol"),
        "remote_ip4": read(f"{_LOOKUP}.v4.saddr"),
        "local_ip4": read(f"{_LOOKUP}.v4.daddr"),
        "remote_port": read(f"{_LOOKUP}.sport"),
        "local_port": read(f"{_LOOKUP}.dport"),
        "ingress_ifindex": read(f"{_LOOKUP}.ingress_ifindex"),
    },
    {"remote_ip6": _address(f"{_LOOKUP}.v6.saddr"), "local_ip6": _address(f"{_LOOKUP}.v6.daddr")},
)
# The two bytes after the remote port are padding and read as 0.
_AFTER_PORT: Final = offset("bpf_sk_lookup.remote_port") + size_of("bpf_sk_lookup.remote_port")
SK_LOOKUP: Final[Table] = {
    **_SK_LOOKUP_EXACT,
    _AFTER_PORT: (_AFTER_PORT, Recipe(lambda access: [mov32_imm(access.dst, 0)], 2)),
}

_REUSEPORT: Final = "sk_reuseport_kern"
SK_REUSEPORT: Final[Table] = table(
    "sk_reuseport_md",
    {
        "data": read(f"{_REUSEPORT}.skb", "sk_buff.data"),
        "len": read(f"{_REUSEPORT}.skb", "sk_buff.len"),
        "eth_protocol": read(f"{_REUSEPORT}.skb", "sk_buff.protocol"),
        "ip_protocol": read(f"{_REUSEPORT}.sk", "sock.sk_protocol"),
        "data_end": read(f"{_REUSEPORT}.data_end"),
        "hash": read(f"{_REUSEPORT}.hash"),
        "bind_inany": read(f"{_REUSEPORT}.bind_inany"),
        "sk": read(f"{_REUSEPORT}.sk"),
        "migrating_sk": read(f"{_REUSEPORT}.migrating_sk"),
    },
)
