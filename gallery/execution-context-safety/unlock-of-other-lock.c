#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value {
	struct bpf_spin_lock lock;
	int count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 zero = 0, one = 1;
	struct value *first = bpf_map_lookup_elem(&values, &zero);
	struct value *second = bpf_map_lookup_elem(&values, &one);

	if (!first || !second)
		return 0;
	bpf_spin_lock(&first->lock);
	first->count++;
	bpf_spin_unlock(&second->lock);
	return 0;
}

char _license[] SEC("license") = "GPL";
