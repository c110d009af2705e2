#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value {
	struct bpf_timer timer;
};

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &first, &second } };

SEC("tc")
int start(struct __sk_buff *skb)
{
	__u32 zero = 0, one = 1;
	struct inner *a = bpf_map_lookup_elem(&outer, &zero);
	struct inner *b = bpf_map_lookup_elem(&outer, &one);
	struct value *value;

	if (!a || !b)
		return 0;
	value = bpf_map_lookup_elem(a, &zero);
	if (value)
		bpf_timer_init(&value->timer, b, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
