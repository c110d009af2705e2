#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u32); } to SEC(".maps");

SEC("xdp")
int chase(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index, *first, *second;

	first = bpf_map_lookup_elem(&to, &key);
	if (!first)
		return XDP_PASS;
	key = *first;
	second = bpf_map_lookup_elem(&to, &key);
	*second = 1;
	return XDP_DROP;
}
char _license[] SEC("license") = "GPL";
