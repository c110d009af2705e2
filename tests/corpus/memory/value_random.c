// A random number is an index.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
    __u32 slots[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
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
    t->slots[bpf_get_prandom_u32() % 20] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
