// Functions that call functions, global data, spills over calls.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

__u64 seen;
const volatile __u32 limit = 100;
static __u32 table[8];

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static __attribute__((noinline)) __u32 mix(__u32 a, __u32 b)
{
	a ^= b << 3;
	a += b;
	return a * 2654435761u;
}

__attribute__((noinline)) int clamp(int v)
{
	if (v < 0)
		return 0;
	return v > 1000 ? 1000 : v;
}

SEC("tc")
int two_calls(struct __sk_buff *skb)
{
	__u32 h = mix(skb->len, skb->protocol);

	seen += 1;
	h = mix(h, skb->ifindex);
	table[h & 7] += 1;
	return clamp(h) ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int table_overrun(struct __sk_buff *skb)
{
	__u32 h = mix(skb->len, skb->protocol);

	table[h & 15] += 1;
	return TC_ACT_OK;
}

SEC("socket")
int frozen_limit(struct __sk_buff *skb)
{
	return skb->len > limit ? 0 : skb->len;
}

SEC("tc")
int ring(struct __sk_buff *skb)
{
	__u64 *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return TC_ACT_OK;
	*e = bpf_ktime_get_ns();
	bpf_ringbuf_submit(e, 0);
	return TC_ACT_OK;
}

SEC("tc")
int ring_leak(struct __sk_buff *skb)
{
	__u64 *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return TC_ACT_OK;
	*e = skb->len;
	return TC_ACT_OK;
}

static int each(__u32 i, void *ctx)
{
	__u64 *sum = ctx;

	*sum += i;
	return *sum > 50;
}

SEC("tc")
int callback_loop(struct __sk_buff *skb)
{
	__u64 sum = 0;

	bpf_loop(16, each, &sum, 0);
	return sum > 10 ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
