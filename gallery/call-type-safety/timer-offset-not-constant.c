#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value {
	__u64 count;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} timers SEC(".maps");

SEC("tc")
int start(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct value *value = bpf_map_lookup_elem(&timers, &zero);

	if (!value)
		return 0;
	bpf_timer_init((void *)value + (skb->len & 8), &timers, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
