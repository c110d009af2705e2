// The packet selects an entry of a constant table.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u8 classes[8] = {1, 2, 3, 4, 5, 6, 7, 8};

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 20 > end)
        return XDP_PASS;
    return classes[data[15] >> 4];
}

char LICENSE[] SEC("license") = "GPL";
