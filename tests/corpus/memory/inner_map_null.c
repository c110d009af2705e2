// The inner map of a map of maps is used without a NULL check.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, __u32);
    __array(values, struct inner);
} outer SEC(".maps");

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = ctx->ingress_ifindex, zero = 0;
    void *inner = bpf_map_lookup_elem(&outer, &key);
    if (!inner)
        return XDP_PASS;
    __u64 *count = bpf_map_lookup_elem(inner, &key);
    if (!count)
        return XDP_PASS;
    return count[1];
}

char LICENSE[] SEC("license") = "GPL";
