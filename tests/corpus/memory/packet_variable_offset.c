// A byte of the packet says where to read next.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 64 > end)
        return XDP_PASS;
    __u32 skip = data[20];
    return data[skip];
}

char LICENSE[] SEC("license") = "GPL";
