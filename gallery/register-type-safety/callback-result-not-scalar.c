#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static void *find(void *map, __u32 *key, __u64 *value, void *unused)
{
	return value;
}

SEC("xdp")
int find_any(struct xdp_md *ctx)
{
	bpf_for_each_map_elem(&seen, find, 0, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
