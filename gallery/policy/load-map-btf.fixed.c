#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, int);
	__type(value, int);
} kept SEC(".maps");

SEC("socket")
int look(struct __sk_buff *skb)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
