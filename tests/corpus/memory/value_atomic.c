// An atomic addition goes to an element without a bound.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
    __u64 slots[8];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct table);
} tables SEC(".maps");

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = 0;
    struct table *t = bpf_map_lookup_elem(&tables, &key);
    if (!t)
        return XDP_PASS;
    __sync_fetch_and_add(&t->slots[ctx->rx_queue_index], 1);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
