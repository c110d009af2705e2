#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, __u64);
} first SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, __u32);
    __array(values, struct inner);
} outer SEC(".maps") = {.values = {&first}};

SEC("xdp")
int count(struct xdp_md *ctx)
{
    __u32 queue = ctx->rx_queue_index, zero = 0;
    void *map = bpf_map_lookup_elem(&outer, &queue);

    if (!map)
        return XDP_PASS;

    __u64 *n = bpf_map_lookup_elem(map, &zero);

    if (!n)
        return XDP_PASS;
    *n += 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
