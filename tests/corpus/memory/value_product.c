// A product that is always small is more than the verifier can follow.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
    volatile __u32 a;
    __u8 slots[16];
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
    __u32 a = t->a;
    t->slots[(a * 3 + 1) % 48 / 3] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
