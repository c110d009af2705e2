// The key is always in the array, but the verifier wants the check.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, __u64);
} seen SEC(".maps");

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = ctx->ingress_ifindex & 7;
    __u64 *count = bpf_map_lookup_elem(&seen, &key);
    *count += 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
