"""vm/runner/offsets.py: where fields of the structures are that a run has in memory, and the structures' sizes.

Only what something reads: the rewritten program, inlined map operations, or a helper.
"""

from __future__ import annotations

from scripts.facts.constants import head
from vm.btf.types import Btf

STRUCTS = (
    "bpf_map", "bpf_array", "htab_elem", "bpf_prog", "xdp_buff", "xdp_rxq_info", "xdp_txq_info", "net_device",
    "sk_buff", "skb_shared_info", "sock", "pt_regs", "task_struct", "cred",
)  # fmt: skip
FIELDS = (
    "bpf_map.map_type", "bpf_map.key_size", "bpf_map.value_size", "bpf_map.max_entries", "bpf_map.map_extra",
    "bpf_map.map_flags", "bpf_map.id", "bpf_map.name", "bpf_array.elem_size", "bpf_array.index_mask",
    "bpf_array.value", "bpf_array.ptrs", "bpf_array.pptrs", "htab_elem.lru_node.ref", "htab_elem.hash",
    "htab_elem.key", "bpf_prog.type", "bpf_prog.len", "bpf_prog.bpf_func", "xdp_buff.data", "xdp_buff.data_end",
    "xdp_buff.data_meta", "xdp_buff.data_hard_start", "xdp_buff.rxq", "xdp_buff.txq", "xdp_buff.frame_sz",
    "xdp_buff.flags", "xdp_rxq_info.dev", "xdp_rxq_info.queue_index", "xdp_txq_info.dev", "net_device.ifindex",
    "net_device.type", "sk_buff.dev", "sk_buff.sk", "sk_buff.tstamp", "sk_buff.cb", "sk_buff.len", "sk_buff.data_len",
    "sk_buff.mac_len", "sk_buff.queue_mapping", "sk_buff.pkt_type", "sk_buff.tstamp_type", "sk_buff.tc_index",
    "sk_buff.csum", "sk_buff.priority", "sk_buff.skb_iif", "sk_buff.hash", "sk_buff.vlan_all", "sk_buff.vlan_proto",
    "sk_buff.vlan_tci", "sk_buff.napi_id", "sk_buff.mark", "sk_buff.protocol", "sk_buff.transport_header",
    "sk_buff.network_header", "sk_buff.mac_header", "sk_buff.tail", "sk_buff.end", "sk_buff.head", "sk_buff.data",
    "sk_buff.truesize", "qdisc_skb_cb.pkt_len", "qdisc_skb_cb.tc_classid", "qdisc_skb_cb.data",
    "bpf_skb_data_end.data_meta", "bpf_skb_data_end.data_end", "skb_shared_info.gso_size", "skb_shared_info.gso_segs",
    "skb_shared_info.hwtstamps", "sock_common.skc_daddr", "sock_common.skc_rcv_saddr", "sock_common.skc_dport",
    "sock_common.skc_num", "sock_common.skc_family", "sock_common.skc_v6_daddr", "sock_common.skc_v6_rcv_saddr",
    "task_struct.pid", "task_struct.tgid", "task_struct.real_cred", "task_struct.cred", "task_struct.comm", "cred.uid",
    "cred.gid",
)  # fmt: skip
# Bit-fields, which have no place of their own, by the empty member in front of them.
MARKS = {
    "sk_buff.pkt_type": "sk_buff.__pkt_type_offset",
    "sk_buff.tstamp_type": "sk_buff.__mono_tc_offset",
}


def run_offsets_module(btf: Btf, release: str) -> str:
    """Source of vm/runner/offsets.py."""
    out = head(release, "Sizes of structures that a run has in memory, and where their fields are, in bytes.")
    out.append("SIZES: Final[dict[str, int]] = {")
    out += [f'    "{name}": {btf.struct(name).size},' for name in STRUCTS]
    out += ["}", "", "OFFSETS: Final[dict[str, int]] = {"]
    for name in FIELDS:
        struct, path = MARKS.get(name, name).split(".", 1)
        out.append(f'    "{name}": {btf.offset_of(struct, path)},')
    return "\n".join([*out, "}", ""])
