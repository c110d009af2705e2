"""struct __sk_buff to struct sk_buff (bpf_convert_ctx_access and its users in net/core/filter.c)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.verifier.fixups.build import (
    AX,
    alu32_imm,
    alu64_reg,
    ja,
    jmp32_imm,
    jmp_imm,
    ldx,
    mov32_imm,
    mov64_imm,
    mov64_reg,
    stx,
)  # fmt: skip
from vm.verifier.fixups.ctx.recipe import (
    NO_QUEUE_MAPPING,
    Access,
    Recipe,
    Table,
    at_offset,
    emit_store,
    fixed,
    load,
    offset,
    read,
    read_checked,
    read_write,
    shinfo,
    size_of,
    spare_register,
    table,
)  # fmt: skip

PKT_TYPE_MAX: Final = 7
TSTAMP_TYPE_MASK: Final = 3
AT_INGRESS_MASK: Final = 1 << 2
# NR_CPUS + 1 of the pinned kernel's configuration.
MIN_NAPI_ID: Final = 8193


def _queue_mapping(access: Access) -> list[Insn]:
    if not access.write:
        return [load("sk_buff.queue_mapping", access.dst, access.src)]
    store = emit_store(access, bpf.H, offset("sk_buff.queue_mapping"))
    if bpf.cls(access.insn.code) == bpf.STX:
        return [jmp_imm(bpf.JGE, access.src, NO_QUEUE_MAPPING, 1), store]
    return [ja(0)] if access.insn.imm >= NO_QUEUE_MAPPING else [store]


def _tstamp(access: Access) -> list[Insn]:
    """At ingress a delivery time reads as 0, because it is no receive time; a store clears the flag."""
    flags = offset("sk_buff.__mono_tc_offset")
    skb = access.dst if access.write else access.src
    insns: list[Insn] = []
    if not access.tstamp_type_access:
        insns = [ldx(bpf.B, AX, skb, flags), jmp32_imm(bpf.JSET, AX, AT_INGRESS_MASK, 1)]
        if access.write:
            insns += [ja(2), alu32_imm(bpf.AND, AX, ~TSTAMP_TYPE_MASK), stx(bpf.B, skb, AX, flags)]
        else:
            insns += [ja(4), jmp32_imm(bpf.JSET, AX, TSTAMP_TYPE_MASK, 1), ja(2), mov64_imm(access.dst, 0), ja(1)]
    if access.write:
        return [*insns, emit_store(access, bpf.DW, offset("sk_buff.tstamp"))]
    return [*insns, load("sk_buff.tstamp", access.dst, access.src)]


def _tstamp_type(access: Access) -> list[Insn]:
    return [
        ldx(bpf.B, access.dst, access.src, offset("sk_buff.__mono_tc_offset")),
        alu32_imm(bpf.AND, access.dst, TSTAMP_TYPE_MASK),
    ]


def _pkt_type(access: Access) -> list[Insn]:
    return [
        ldx(bpf.B, access.dst, access.src, offset("sk_buff.__pkt_type_offset")),
        alu32_imm(bpf.AND, access.dst, PKT_TYPE_MAX),
    ]


def _shared(field: str) -> Recipe:
    def emit(access: Access) -> list[Insn]:
        return [*shinfo(access.dst, access.src), load(field, access.dst, access.dst)]

    return Recipe(emit, size_of(field))


def _data_end_of_stream(access: Access) -> list[Insn]:
    """data + len - data_len, for sk_skb programs. If src is dst, another register is saved and used."""
    dst, src = access.dst, access.src
    saved = offset("sk_buff.cb", "sk_skb_cb.temp_reg")
    reg = spare_register(access) if dst == src else dst
    insns = [
        load("sk_buff.data", reg, src),
        load("sk_buff.len", AX, src),
        alu64_reg(bpf.ADD, reg, AX),
        load("sk_buff.data_len", AX, src),
        alu64_reg(bpf.SUB, reg, AX),
    ]
    if dst != src:
        return insns
    restore = [mov64_reg(AX, src), mov64_reg(dst, reg), ldx(bpf.DW, reg, AX, saved)]
    return [stx(bpf.DW, src, reg, saved), *insns, *restore]


def port_to_user(dst: int) -> list[Insn]:
    """A port in network order sits in the upper half of the context's 32 bits."""
    return [alu32_imm(bpf.LSH, dst, 16)]


_EXACT: Final = {
    "len": read("sk_buff.len"),
    "protocol": read("sk_buff.protocol"),
    "vlan_proto": read("sk_buff.vlan_proto"),
    "priority": read_write("sk_buff.priority"),
    "ingress_ifindex": read("sk_buff.skb_iif"),
    "ifindex": read_checked("sk_buff.dev", "net_device.ifindex"),
    "hash": read("sk_buff.hash"),
    "mark": read_write("sk_buff.mark"),
    "pkt_type": Recipe(_pkt_type, 1),
    "queue_mapping": Recipe(_queue_mapping, 2),
    "vlan_present": read("sk_buff.vlan_all", then=lambda dst: [jmp_imm(bpf.JEQ, dst, 0, 1), mov32_imm(dst, 1)]),
    "vlan_tci": read("sk_buff.vlan_tci"),
    "tc_classid": fixed(2, offset("sk_buff.cb", "qdisc_skb_cb.tc_classid")),
    "data": read("sk_buff.data"),
    "data_meta": fixed(8, offset("sk_buff.cb", "bpf_skb_data_end.data_meta")),
    "data_end": fixed(8, offset("sk_buff.cb", "bpf_skb_data_end.data_end")),
    "tc_index": read_write("sk_buff.tc_index"),
    "napi_id": read("sk_buff.napi_id", then=lambda dst: [jmp_imm(bpf.JGE, dst, MIN_NAPI_ID, 1), mov64_imm(dst, 0)]),
    "family": read("sk_buff.sk", "sock_common.skc_family"),
    "remote_ip4": read("sk_buff.sk", "sock_common.skc_daddr"),
    "local_ip4": read("sk_buff.sk", "sock_common.skc_rcv_saddr"),
    "remote_port": read("sk_buff.sk", "sock_common.skc_dport", then=port_to_user),
    "local_port": read("sk_buff.sk", "sock_common.skc_num"),
    "tstamp": Recipe(_tstamp, 8),
    "tstamp_type": Recipe(_tstamp_type, 1),
    "gso_segs": _shared("skb_shared_info.gso_segs"),
    "gso_size": _shared("skb_shared_info.gso_size"),
    "wire_len": fixed(4, offset("sk_buff.cb", "qdisc_skb_cb.pkt_len")),
    "sk": read("sk_buff.sk"),
    "hwtstamp": _shared("skb_shared_info.hwtstamps"),
}
_RANGES: Final = {
    "cb": at_offset(offset("sk_buff.cb", "qdisc_skb_cb.data")),
    "remote_ip6": read("sk_buff.sk", "sock_common.skc_v6_daddr"),
    "local_ip6": read("sk_buff.sk", "sock_common.skc_v6_rcv_saddr"),
}

SKB: Final[Table] = table("__sk_buff", _EXACT, _RANGES)
# A classifier's skb always has a device.
TC: Final[Table] = table("__sk_buff", {**_EXACT, "ifindex": read("sk_buff.dev", "net_device.ifindex")}, _RANGES)
SK_SKB: Final[Table] = table(
    "__sk_buff",
    {**_EXACT, "data_end": Recipe(_data_end_of_stream)},
    {**_RANGES, "cb": at_offset(offset("sk_buff.cb", "sk_skb_cb.data"))},
)
FLOW_DISSECTOR: Final[Table] = table(
    "__sk_buff",
    {
        "data": read("bpf_flow_dissector.data"),
        "data_end": read("bpf_flow_dissector.data_end"),
        "flow_keys": read("bpf_flow_dissector.flow_keys"),
    },
)
