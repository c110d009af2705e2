#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SEC("xdp")
int look_up(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;

	if (bpf_map_lookup_elem(&seen, (void *)(long)key))
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
