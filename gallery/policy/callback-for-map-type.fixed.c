#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u64);
    __type(value, __u64);
} routes SEC(".maps");

static long each(struct bpf_map *map, __u64 *key, __u64 *value, void *ctx)
{
    return 0;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
    bpf_for_each_map_elem(&routes, each, 0, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
