// The callback of bpf_for_each_map_elem() uses the value as an index.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} numbers SEC(".maps");

__u32 slots[16];

static long each(void *map, __u32 *key, __u64 *value, void *ctx)
{
    slots[*value] = *key;
    return 0;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    bpf_for_each_map_elem(&numbers, each, 0, 0);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
