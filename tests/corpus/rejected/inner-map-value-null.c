#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner);
} tenants SEC(".maps");

SEC("xdp")
int per_tenant(struct xdp_md *ctx)
{
	__u32 tenant = ctx->ingress_ifindex & 7, key = ctx->rx_queue_index;
	void *map = bpf_map_lookup_elem(&tenants, &tenant);
	__u64 *count;

	if (!map)
		return XDP_PASS;
	count = bpf_map_lookup_elem(map, &key);
	__sync_fetch_and_add(count, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
