// Adds to a map value without checking whether the key was found.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u64);
} bytes SEC(".maps");

SEC("xdp")
int count_bytes(struct xdp_md *ctx)
{
    __u32 key = ctx->ingress_ifindex;
    __u64 *sum = bpf_map_lookup_elem(&bytes, &key);

    // Missing: if (!sum) return XDP_PASS;
    *sum += ctx->data_end - ctx->data;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
