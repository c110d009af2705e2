#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

static void bump(__u32 key, __u64 by)
{
	__u64 *slot = bpf_map_lookup_elem(&hits, &key);

	*slot += by;
}

SEC("xdp")
int meter(struct xdp_md *ctx)
{
	bump(ctx->ingress_ifindex, 1);
	bump(ctx->rx_queue_index, ctx->data_end - ctx->data);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
