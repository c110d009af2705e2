#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bucket {
	struct bpf_spin_lock lock;
	__u64 tokens;
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bucket);
} buckets SEC(".maps");

SEC("tc")
int limit(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct bucket *b = bpf_map_lookup_elem(&buckets, &zero);

	if (!b)
		return 0;
	bpf_spin_lock(&b->lock);
	if (b->tokens < skb->len)
		return 2;
	b->tokens -= skb->len;
	bpf_spin_unlock(&b->lock);
	return 0;
}

char _license[] SEC("license") = "GPL";
