// A function uses its argument as an index.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
    __u32 slots[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct table);
} tables SEC(".maps");

static __attribute__((noinline)) int set(struct table *t, __u32 i)
{
    t->slots[i] = 1;
    return i;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = 0;
    struct table *t = bpf_map_lookup_elem(&tables, &key);
    if (!t)
        return XDP_PASS;
    return set(t, ctx->rx_queue_index & 31) & 1;
}

char LICENSE[] SEC("license") = "GPL";
