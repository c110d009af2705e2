// The packet selects an element of an array on the stack.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    volatile __u8 lengths[16] = {};
    if (data + 20 > end)
        return XDP_PASS;
    lengths[data[19]] = 1;
    return lengths[3];
}

char LICENSE[] SEC("license") = "GPL";
