// Two numbers are bounded by their sum, which the verifier does not follow back.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
    volatile __u32 a, b;
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
    __u64 a = t->a, b = t->b;
    if (a + b < 16)
        t->slots[a] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
