"""Offsets of the kernel structures a run has in memory, on x86-64.

Only fields something reads: the rewritten program, inlined map operations, or a helper. The
numbers are those of the kernel's BTF; tests/vm/runner/test_layout.py holds them against it.
"""

from __future__ import annotations

from typing import Final

SIZES: Final = {
    "bpf_map": 248,
    "bpf_array": 264,
    "htab_elem": 48,
    "bpf_prog": 72,
    "xdp_buff": 56,
    "xdp_rxq_info": 64,
    "xdp_txq_info": 8,
    "net_device": 2496,
    "sk_buff": 232,
    "skb_shared_info": 320,
    "sock": 776,
    "pt_regs": 168,
    "task_struct": 9792,
    "cred": 184,
}

OFFSETS: Final = {
    "bpf_map.map_type": 24,
    "bpf_map.key_size": 28,
    "bpf_map.value_size": 32,
    "bpf_map.max_entries": 36,
    "bpf_map.map_extra": 40,
    "bpf_map.map_flags": 48,
    "bpf_map.id": 52,
    "bpf_map.name": 96,
    "bpf_array.elem_size": 248,
    "bpf_array.index_mask": 252,
    "bpf_array.value": 264,
    "bpf_array.ptrs": 264,
    "bpf_array.pptrs": 264,
    "htab_elem.lru_node.ref": 35,
    "htab_elem.hash": 40,
    "htab_elem.key": 48,
    "bpf_prog.type": 4,
    "bpf_prog.len": 12,
    "bpf_prog.bpf_func": 48,
    "xdp_buff.data": 0,
    "xdp_buff.data_end": 8,
    "xdp_buff.data_meta": 16,
    "xdp_buff.data_hard_start": 24,
    "xdp_buff.rxq": 32,
    "xdp_buff.txq": 40,
    "xdp_buff.frame_sz": 48,
    "xdp_buff.flags": 52,
    "xdp_rxq_info.dev": 0,
    "xdp_rxq_info.queue_index": 8,
    "xdp_txq_info.dev": 0,
    "net_device.ifindex": 224,
    "net_device.type": 560,
    "sk_buff.dev": 16,
    "sk_buff.sk": 24,
    "sk_buff.tstamp": 32,
    "sk_buff.cb": 40,
    "sk_buff.len": 112,
    "sk_buff.data_len": 116,
    "sk_buff.mac_len": 120,
    "sk_buff.queue_mapping": 124,
    "sk_buff.pkt_type": 128,
    "sk_buff.tstamp_type": 129,
    "sk_buff.tc_index": 134,
    "sk_buff.csum": 140,
    "sk_buff.priority": 144,
    "sk_buff.skb_iif": 148,
    "sk_buff.hash": 152,
    "sk_buff.vlan_all": 156,
    "sk_buff.vlan_proto": 156,
    "sk_buff.vlan_tci": 158,
    "sk_buff.napi_id": 160,
    "sk_buff.mark": 168,
    "sk_buff.protocol": 180,
    "sk_buff.transport_header": 182,
    "sk_buff.network_header": 184,
    "sk_buff.mac_header": 186,
    "sk_buff.tail": 188,
    "sk_buff.end": 192,
    "sk_buff.head": 200,
    "sk_buff.data": 208,
    "sk_buff.truesize": 216,
    "qdisc_skb_cb.pkt_len": 0,
    "qdisc_skb_cb.tc_classid": 6,
    "qdisc_skb_cb.data": 8,
    "bpf_skb_data_end.data_meta": 32,
    "bpf_skb_data_end.data_end": 40,
    "skb_shared_info.gso_size": 4,
    "skb_shared_info.gso_segs": 6,
    "skb_shared_info.hwtstamps": 16,
    "sock_common.skc_daddr": 0,
    "sock_common.skc_rcv_saddr": 4,
    "sock_common.skc_dport": 12,
    "sock_common.skc_num": 14,
    "sock_common.skc_family": 16,
    "sock_common.skc_v6_daddr": 56,
    "sock_common.skc_v6_rcv_saddr": 72,
    "task_struct.pid": 2432,
    "task_struct.tgid": 2436,
    "task_struct.real_cred": 2952,
    "task_struct.cred": 2960,
    "task_struct.comm": 2976,
    "cred.uid": 8,
    "cred.gid": 12,
}

# struct pt_regs in order, eight bytes each; registers' names without their r/e prefix, as in the kernel.
PT_REGS: Final = (
    "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax",
    "cx", "dx", "si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss",
)  # fmt: skip

NET_SKB_PAD: Final = 64
XDP_PACKET_HEADROOM: Final = 256
ETH_HLEN: Final = 14


def round8(size: int) -> int:
    """As the kernel's round_up(size, 8)."""
    return (size + 7) & -8
