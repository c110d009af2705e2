#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 64);
	__uint(key_size, 0);
	__uint(value_size, 8);
} waiting SEC(".maps");

SEC("xdp")
int enqueue(struct xdp_md *ctx)
{
	__u64 v = ctx->rx_queue_index;

	if (bpf_map_update_elem(&waiting, &v, &v, BPF_ANY))
		return XDP_ABORTED;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
