// The bound lets the element behind the last one through.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
    __u32 slots[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
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
    __u32 i = data[29];
    if (i <= 16)
        t->slots[i] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
