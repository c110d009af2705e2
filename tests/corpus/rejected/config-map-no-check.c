#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct config {
    __u32 enabled;
    __u32 limit;
    __u8 prefix[20];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct config);
    __uint(max_entries, 1);
} config SEC(".maps");

static __always_inline struct config *get_config(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&config, &zero);
}

SEC("xdp")
int gate(struct xdp_md *ctx)
{
    struct config *c = get_config();

    if (!c->enabled)
        return XDP_PASS;
    if (ctx->rx_queue_index > c->limit)
        return XDP_DROP;
    __u32 at = c->limit;
    if (at < sizeof(c->prefix) && c->prefix[at] == 1)
        return XDP_DROP;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
