// The comparison is the wrong way round.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 34 <= end)
        return XDP_PASS;
    return data[33];
}

char LICENSE[] SEC("license") = "GPL";
