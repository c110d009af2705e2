// A signed index is checked against its upper bound only.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
    int where;
    __u32 slots[16];
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
    long i = t->where;
    if (i < 16)
        t->slots[i] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
