#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 64);
	__type(value, __u32);
} queue SEC(".maps");

SEC("xdp")
int put(struct xdp_md *ctx)
{
	__u32 index = ctx->rx_queue_index;

	bpf_map_push_elem(&queue, &index, BPF_ANY);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
