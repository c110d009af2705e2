// The loop runs to the length that the packet names.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 20 > end)
        return XDP_PASS;
    __u32 sum = 0, n = data[19] & 31;
    for (__u32 i = 0; i < n; i++)
        sum += data[i];
    return sum & 1;
}

char LICENSE[] SEC("license") = "GPL";
