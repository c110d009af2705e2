// After the tail was cut off, the old length is used.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 60 > end || bpf_xdp_adjust_tail(ctx, -30))
        return XDP_PASS;
    data = (void *)(long)ctx->data;
    return data[40];
}

char LICENSE[] SEC("license") = "GPL";
