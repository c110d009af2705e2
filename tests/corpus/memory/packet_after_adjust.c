// The pointers are used after the head of the packet was moved.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 40 > end)
        return XDP_PASS;
    if (bpf_xdp_adjust_head(ctx, 20))
        return XDP_DROP;
    return data[39];
}

char LICENSE[] SEC("license") = "GPL";
