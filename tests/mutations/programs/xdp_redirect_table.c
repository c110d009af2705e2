#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PORTS 32

struct settings {
    __u32 count;
    __u32 ports[PORTS];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct settings);
} config SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u32);
} devices SEC(".maps");

SEC("xdp")
int spread(struct xdp_md *ctx)
{
    __u32 zero = 0;
    struct settings *s = bpf_map_lookup_elem(&config, &zero);

    if (!s)
        return XDP_ABORTED;

    __u32 slot = ctx->rx_queue_index;

    if (slot >= PORTS)
        return XDP_DROP;
    return bpf_redirect_map(&devices, s->ports[slot], 0);
}

char LICENSE[] SEC("license") = "GPL";
