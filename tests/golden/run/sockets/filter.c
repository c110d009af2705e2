#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
typedef __u64 u64; typedef __u32 u32; typedef __u8 u8;
char _license[] SEC("license") = "GPL";
/* What a socket's filter sees of a packet that comes in; guest.c attaches it. */
struct seen { u32 len, protocol, pkt_type, vlan_present, vlan_tci, vlan_proto, first, from_mac, from_network; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, struct seen); } told SEC(".maps");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
SEC("socket") int look(struct __sk_buff *skb)
{
	u32 key = 0;
	struct seen *s = bpf_map_lookup_elem(&told, &key);

	if (!s || skb->pkt_type == 4 /* PACKET_OUTGOING */)
		return 0;
	s->len = skb->len; s->protocol = skb->protocol; s->pkt_type = skb->pkt_type;
	s->vlan_present = skb->vlan_present; s->vlan_tci = skb->vlan_tci; s->vlan_proto = skb->vlan_proto;
	s->first = load_half(skb, 0);
	s->from_mac = load_half(skb, (u32)-0x200000 + 12);
	s->from_network = load_half(skb, (u32)-0x100000);
	return 0;
}
