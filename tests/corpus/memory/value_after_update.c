// An entry is looked up again after it was put there, and used unchecked.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u64);
} seen SEC(".maps");

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = ctx->ingress_ifindex;
    __u64 one = 1;
    bpf_map_update_elem(&seen, &key, &one, BPF_ANY);
    __u64 *count = bpf_map_lookup_elem(&seen, &key);
    *count += 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
