// A lookup's result is the key of the next lookup.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u32);
} next SEC(".maps");

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = ctx->ingress_ifindex;
    __u32 *found = bpf_map_lookup_elem(&next, &key);
    return bpf_map_lookup_elem(&next, found) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
