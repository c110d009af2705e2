#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 64);
} seen SEC(".maps");

SEC("xdp")
int too_long(struct xdp_md *ctx)
{
    __u64 sum = 0;

    for (int i = 0; i < 100000; i++) {
        __u32 key = i & 63;
        __u64 *count = bpf_map_lookup_elem(&seen, &key);

        if (count && *count > 10)
            sum += *count;
    }
    return sum > 100 ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
