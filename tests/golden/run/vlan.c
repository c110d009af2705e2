#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
typedef __u64 u64; typedef __u32 u32; typedef __u16 u16; typedef __u8 u8;
char _license[] SEC("license") = "GPL";
#define Q bpf_htons(0x8100)
#define AD bpf_htons(0x88a8)
/* What a program sees of a packet's tags after each call: 28 bytes, written over the end of the packet at last. */
struct seen { int ret; u32 len, protocol, present, tci, proto; u16 net, mac; };
static __always_inline void look(struct __sk_buff *skb, struct seen *s, int ret)
{
	s->ret = ret; s->len = skb->len; s->protocol = skb->protocol; s->present = skb->vlan_present;
	s->tci = skb->vlan_tci; s->proto = skb->vlan_proto;
	bpf_skb_load_bytes_relative(skb, 0, &s->net, 2, BPF_HDR_START_NET);
	bpf_skb_load_bytes_relative(skb, 12, &s->mac, 2, BPF_HDR_START_MAC);
}
static __always_inline int tell(struct __sk_buff *skb, struct seen *s, u32 size)
{
	u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	int whole = end - data == skb->len;
	if (skb->len < size) return s->len << 16 | (s->protocol & 0xff) << 8 | (u8)s->ret;
	return bpf_skb_store_bytes(skb, skb->len - size, s, size, 0) ? 100 : whole;
}
#define PUSH(proto, tci) bpf_skb_vlan_push(skb, proto, tci)
#define POP bpf_skb_vlan_pop(skb)
#define AFTER1(name, a) SEC("tc") int name(struct __sk_buff *skb) { struct seen s[1] = {}; look(skb, s, a); return tell(skb, s, sizeof(s)); }
#define AFTER2(name, a, b) SEC("tc") int name(struct __sk_buff *skb) { struct seen s[2] = {}; look(skb, s, a); look(skb, s + 1, b); return tell(skb, s, sizeof(s)); }
#define AFTER3(name, a, b, c) SEC("tc") int name(struct __sk_buff *skb) { struct seen s[3] = {}; look(skb, s, a); look(skb, s + 1, b); look(skb, s + 2, c); return tell(skb, s, sizeof(s)); }
#define AFTER6(name, a, b, c, d, e, f) SEC("tc") int name(struct __sk_buff *skb) { struct seen s[6] = {}; look(skb, s, a); look(skb, s + 1, b); look(skb, s + 2, c); look(skb, s + 3, d); look(skb, s + 4, e); look(skb, s + 5, f); return tell(skb, s, sizeof(s)); }
AFTER1(as_it_came, 0)
AFTER1(pop, POP)
AFTER2(pop_pop, POP, POP)
AFTER3(pop_pop_pop, POP, POP, POP)
AFTER1(push_q, PUSH(Q, 5))
AFTER1(push_ad, PUSH(AD, 0xe005))
AFTER1(push_other_protocol, PUSH(bpf_htons(0x1234), 0x5005))
AFTER2(push_no_tci, PUSH(Q, 0), POP)
AFTER2(push_push, PUSH(Q, 5), PUSH(AD, 9))
AFTER2(push_pop, PUSH(AD, 5), POP)
AFTER3(push_push_pop, PUSH(Q, 5), PUSH(AD, 9), POP)
AFTER3(push_push_push, PUSH(Q, 5), PUSH(AD, 9), PUSH(Q, 11))
AFTER3(pop_push_push, POP, PUSH(AD, 9), PUSH(Q, 11))
AFTER6(push_twice_pop_four_times, PUSH(Q, 5), PUSH(AD, 9), POP, POP, POP, POP)
AFTER6(push_three_times_pop_three_times, PUSH(Q, 5), PUSH(AD, 9), PUSH(Q, 11), POP, POP, POP)
AFTER3(head_push_push, bpf_skb_change_head(skb, 14, 0), PUSH(Q, 5), PUSH(AD, 9))
AFTER3(head_pop_push, bpf_skb_change_head(skb, 14, 0), POP, PUSH(AD, 9))
