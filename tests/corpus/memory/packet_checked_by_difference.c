// The difference of the pointers is compared, not the pointers.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    __u64 length = end - data;
    if (length < 60)
        return XDP_PASS;
    return data[59];
}

char LICENSE[] SEC("license") = "GPL";
