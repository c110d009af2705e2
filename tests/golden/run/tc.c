#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
typedef __u64 u64; typedef __u32 u32; typedef __u16 u16; typedef __u8 u8; typedef __s32 s32; typedef __s64 s64;
char _license[] SEC("license") = "GPL";
/* What a tc program sees of its skb, and what it can change. */
#define OPEN(n) u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end; if (data + 64 + n > end) return 100; s32 *out = (void *)(data + 64);
SEC("tc") int fields(struct __sk_buff *skb)
{
	OPEN(200);
	*out++ = skb->len; *out++ = skb->protocol; *out++ = skb->pkt_type; *out++ = skb->mark; *out++ = skb->priority;
	*out++ = skb->ifindex; *out++ = skb->ingress_ifindex; *out++ = skb->queue_mapping; *out++ = skb->vlan_present;
	*out++ = skb->vlan_tci; *out++ = skb->vlan_proto; *out++ = skb->tc_index; *out++ = skb->cb[0]; *out++ = skb->cb[4];
	*out++ = skb->hash; *out++ = skb->tc_classid; *out++ = skb->napi_id; *out++ = end - data;
	*out++ = skb->wire_len; *out++ = skb->gso_segs; *out++ = skb->gso_size; *out++ = skb->tstamp; *out++ = skb->tstamp_type;
	*out++ = skb->hwtstamp; *out++ = data - (u8 *)(long)skb->data_meta;
	return TC_ACT_OK;
}
SEC("tc") int writes(struct __sk_buff *skb)
{
	OPEN(100);
	volatile struct __sk_buff *v = (void *)skb;
	v->mark = 0x1234; v->priority = 77; v->cb[1] = 5; v->cb[3] = 0xffffffff; v->tc_index = 0x12345; v->tc_classid = 0x54321;
	v->queue_mapping = 9; skb->tstamp = 0x1122334455;
	*out++ = skb->mark; *out++ = skb->priority; *out++ = skb->cb[1]; *out++ = skb->cb[3]; *out++ = skb->tc_index;
	*out++ = skb->tc_classid; *out++ = skb->queue_mapping; *out++ = skb->tstamp; *out++ = *(u8 *)&skb->mark; *out++ = ((volatile u16 *)&skb->mark)[0];
	return TC_ACT_SHOT;
}
SEC("tc") int checksums(struct __sk_buff *skb)
{
	u32 old_ip, new_ip = bpf_htonl(0x0a0a0a0a); u16 port = bpf_htons(8080), was;
	if (bpf_skb_load_bytes(skb, 30, &old_ip, 4) || bpf_skb_load_bytes(skb, 36, &was, 2)) return 100;
	int r = 0;
	r |= bpf_l4_csum_replace(skb, 50, old_ip, new_ip, BPF_F_PSEUDO_HDR | 4) != 0;
	r |= (bpf_l4_csum_replace(skb, 50, was, port, 2) != 0) << 1;
	r |= (bpf_l3_csum_replace(skb, 24, old_ip, new_ip, 4) != 0) << 2;
	r |= (bpf_skb_store_bytes(skb, 30, &new_ip, 4, 0) != 0) << 3;
	r |= (bpf_skb_store_bytes(skb, 36, &port, 2, BPF_F_RECOMPUTE_CSUM) != 0) << 4;
	r |= (bpf_l3_csum_replace(skb, 25, old_ip, new_ip, 4) == -14) << 5;
	r |= (bpf_l3_csum_replace(skb, 24, 1, new_ip, 0) == -22) << 6;
	r |= (bpf_l3_csum_replace(skb, 24, 0, 0x1234567, 0) == 0) << 7;
	r |= (bpf_skb_store_bytes(skb, 5000, &port, 2, 0) == -14) << 8;
	r |= (bpf_skb_store_bytes(skb, 30, &port, 2, 64) == -22) << 9;
	r |= (bpf_l4_csum_replace(skb, 50, 0, 0x77777, BPF_F_MARK_MANGLED_0) == 0) << 10;
	return r;
}
SEC("tc") int load(struct __sk_buff *skb)
{
	u8 b[8] = {1, 1, 1, 1, 1, 1, 1, 1}; s32 r[6];
	r[0] = bpf_skb_load_bytes(skb, 12, b, 8);
	r[1] = bpf_skb_load_bytes(skb, 5000, b, 8);
	r[2] = b[0];
	r[3] = bpf_skb_load_bytes_relative(skb, 0, b, 8, BPF_HDR_START_NET);
	r[4] = b[0];
	r[5] = bpf_skb_load_bytes_relative(skb, 0, b, 8, 5);
	if (bpf_skb_store_bytes(skb, 64, r, 24, 0)) return 100;
	return TC_ACT_OK;
}
SEC("tc") int tail(struct __sk_buff *skb)
{
	int r = 0;
	r |= (bpf_skb_change_tail(skb, skb->len + 20, 0) == 0) << 0;
	r |= (bpf_skb_change_tail(skb, 5, 0) == -22) << 1;
	r |= (bpf_skb_change_tail(skb, skb->len - 40, 0) == 0) << 2;
	r |= (bpf_skb_change_tail(skb, 100, 1) == -22) << 3;
	r |= (bpf_skb_pull_data(skb, 0) == 0) << 4;
	r |= (bpf_skb_pull_data(skb, 5000) == -12) << 5;
	return r | skb->len << 16;
}
SEC("tc") int head(struct __sk_buff *skb)
{
	int r = 0;
	r |= (bpf_skb_change_head(skb, 14, 0) == 0) << 0;
	r |= (bpf_skb_change_head(skb, 14, 1) == -22) << 1;
	r |= (bpf_skb_change_head(skb, 200, 0) == 0) << 2;
	return r | skb->len << 16;
}
SEC("tc") int vlans(struct __sk_buff *skb)
{
	int r = 0;
	r |= (bpf_skb_vlan_push(skb, bpf_htons(0x8100), 5) == 0) << 0;
	r |= (skb->vlan_present == 1) << 1;
	r |= (skb->vlan_tci) << 4;
	r |= (bpf_skb_vlan_push(skb, bpf_htons(0x88a8), 9) == 0) << 2;
	r |= skb->vlan_tci << 8;
	return r | skb->len << 16;
}
SEC("tc") int pops(struct __sk_buff *skb)
{
	int r = 0;
	r |= (bpf_skb_vlan_push(skb, bpf_htons(0x8100), 5) == 0) << 0;
	r |= (bpf_skb_vlan_pop(skb) == 0) << 1;
	r |= (skb->vlan_present == 0) << 2;
	r |= (bpf_skb_vlan_pop(skb) == 0) << 3;
	r |= (bpf_skb_change_type(skb, 0) == 0) << 4;
	r |= (bpf_skb_change_type(skb, 4) == -22) << 5;
	bpf_set_hash(skb, 99);
	r |= (skb->hash == 99) << 6;
	bpf_set_hash_invalid(skb);
	r |= (skb->hash == 0) << 7;
	r |= (bpf_csum_update(skb, 5) == -524) << 8;
	r |= (bpf_csum_level(skb, 0) == -13) << 9;
	return r | skb->len << 16;
}
SEC("tc") int where(struct __sk_buff *skb) { return bpf_redirect(3, 0) | bpf_redirect(3, 8) << 8 | bpf_redirect(3, BPF_F_INGRESS) << 16; }
SEC("tc") int same(struct __sk_buff *skb)
{
	return (bpf_get_smp_processor_id() == 0) | (bpf_get_numa_node_id() == 0) << 1 | (bpf_get_socket_uid(skb)) << 8;
}
unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");
SEC("socket") int classic(struct __sk_buff *skb)
{
	return load_byte(skb, 9) | load_half(skb, 20) << 8;
}
SEC("socket") int classic_past(struct __sk_buff *skb) { return load_word(skb, skb->len - 2) + 1; }
SEC("socket") int classic_negative(struct __sk_buff *skb) { return load_half(skb, (u32)-0x200000 + 12) << 16 | load_half(skb, (u32)-0x100000); }
SEC("socket") int socket_fields(struct __sk_buff *skb) { return skb->len << 16 | skb->pkt_type << 12 | (u8)skb->protocol; }
SEC("cgroup_skb/ingress") int group(struct __sk_buff *skb) { return skb->len > 100; }
SEC("cgroup_skb/ingress") int family(struct __sk_buff *skb) { return (skb->family == 2) & (skb->remote_ip4 != 0) & (skb->local_ip4 != skb->remote_ip4); }
