#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static long clear(void *map, __u32 *key, __u64 *value, void *unused)
{
	*key = 0;
	return 0;
}

SEC("xdp")
int clear_all(struct xdp_md *ctx)
{
	bpf_for_each_map_elem(&seen, clear, 0, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
