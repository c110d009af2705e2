// The check lets the byte just behind the packet through.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 40 > end)
        return XDP_PASS;
    return data[40];
}

char LICENSE[] SEC("license") = "GPL";
