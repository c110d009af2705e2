// Another pointer than the one that is read through is compared.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    unsigned char *first = data + 14, *second = data + 54;
    if (first + 20 > end)
        return XDP_PASS;
    return *second;
}

char LICENSE[] SEC("license") = "GPL";
