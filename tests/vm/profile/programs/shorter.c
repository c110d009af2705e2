#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, __u32); __type(value, __u64); __uint(max_entries, 4); } table SEC(".maps");

static __always_inline int weigh(__u32 a, __u32 b)
{
    int w = 0;
    if (a & 1) w += 3;
    if (a & 2) w += 5;
    if (b & 4) w ^= 7;
    if (b & 8) w += a > b ? 11 : 2;
    if (a & 16) w -= b;
    if (a & 32) w += 9;
    return w;
}

SEC("xdp") int heavy(struct xdp_md *ctx)
{
    __u32 x = bpf_get_prandom_u32(), y = bpf_get_prandom_u32();
    int w = weigh(x, y);
    w += weigh(y, x);
    w += weigh(x, w);
    w += weigh(w, y);
    return w > 4 ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int looped(struct xdp_md *ctx)
{
    __u64 sum = 0;
    for (__u32 i = 0; i < 400; i++) {
        __u32 key = i & 3;
        __u64 *v = bpf_map_lookup_elem(&table, &key);
        if (v)
            sum += *v;
    }
    return sum > 100 ? XDP_PASS : XDP_DROP;
}
char LICENSE[] SEC("license") = "GPL";
