// An entry of an LRU map says how much of it is used.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct flow {
    __u32 used;
    __u8 bytes[60];
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 128);
    __type(key, __u32);
    __type(value, struct flow);
} flows SEC(".maps");

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = ctx->rx_queue_index;
    struct flow *f = bpf_map_lookup_elem(&flows, &key);
    if (!f)
        return XDP_PASS;
    return f->bytes[f->used];
}

char LICENSE[] SEC("license") = "GPL";
