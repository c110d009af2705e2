#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} packets_on SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex;
	__u64 *value = bpf_map_lookup_elem(&packets_on, &ifindex);

	*value += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
