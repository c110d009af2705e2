#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 1024);
} cells SEC(".maps");

struct state {
    __u64 sum;
};

static long add_cell(__u32 i, void *arg)
{
    struct state *s = arg;
    __u64 *cell = bpf_map_lookup_elem(&cells, &i);

    if (!cell)
        return -1;
    s->sum += *cell;
    return 0;
}

SEC("xdp")
int total(struct xdp_md *ctx)
{
    struct state s = {};

    bpf_loop(1024, add_cell, &s, 0);
    return s.sum > 100 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
