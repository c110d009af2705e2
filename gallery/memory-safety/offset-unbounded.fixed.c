#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32[64]);
} by_port SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u32 *ports = bpf_map_lookup_elem(&by_port, &zero);

	__u32 queue = ctx->rx_queue_index;

	if (ports && queue < 64)
		ports[queue]++;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
