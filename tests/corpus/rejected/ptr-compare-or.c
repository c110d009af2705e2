#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

SEC("xdp")
int either(struct xdp_md *ctx)
{
	__u32 k = ctx->rx_queue_index;
	__u64 *a = bpf_map_lookup_elem(&first, &k);
	__u64 *b = bpf_map_lookup_elem(&second, &k);

	if (!a && !b)
		return XDP_PASS;
	*a += 1;
	*b += 1;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
