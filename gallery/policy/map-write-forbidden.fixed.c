#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} limits SEC(".maps");

SEC("xdp")
int set(struct xdp_md *ctx)
{
    __u32 key = 0;
    __u64 value = 7;

    bpf_map_update_elem(&limits, &key, &value, BPF_ANY);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
