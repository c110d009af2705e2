// The metadata before the packet is read without a check.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    __u32 *meta = (void *)(long)ctx->data_meta;
    __u32 mark = *meta;
    return mark ? XDP_DROP : data == end;
}

char LICENSE[] SEC("license") = "GPL";
