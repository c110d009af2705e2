#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, int);
	__type(value, int);
} kept SEC(".maps");

SEC("socket")
int look(struct __sk_buff *skb)
{
	int key = 1;

	return bpf_map_lookup_elem(&kept, &key) ? -1 : 0;
}

char _license[] SEC("license") = "GPL";
