#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} anything SEC(".maps");

SEC("tc")
int arm(struct __sk_buff *skb)
{
	struct bpf_timer t = {};

	bpf_timer_init(&t, &anything, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
