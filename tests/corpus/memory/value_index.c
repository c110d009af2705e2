// A byte of the packet is an index without a bound.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
    __u32 slots[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, struct table);
} tables SEC(".maps");

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    __u32 key = 0;
    struct table *t = bpf_map_lookup_elem(&tables, &key);
    if (!t || data + 30 > end)
        return XDP_PASS;
    t->slots[data[29]] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
