#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct meter {
	struct bpf_spin_lock lock;
	__u64 seen;
	__u64 when;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct meter);
} meters SEC(".maps");

SEC("tc")
int metered(struct __sk_buff *skb)
{
	__u32 mark = skb->mark;
	struct meter *m = bpf_map_lookup_elem(&meters, &mark);

	if (m) {
		bpf_spin_lock(&m->lock);
		m->seen += skb->len;
		m->when = bpf_ktime_get_ns();
		bpf_spin_unlock(&m->lock);
	}
	return 0;
}

char _license[] SEC("license") = "GPL";
