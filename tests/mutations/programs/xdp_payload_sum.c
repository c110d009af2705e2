#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#define MOST 64

SEC("xdp")
int sum_payload(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    __u32 sum = 0;

    if ((void *)(eth + 1) > data_end)
        return XDP_DROP;

    unsigned char *p = (void *)(eth + 1);

    for (int i = 0; i < MOST; i++) {
        if ((void *)(p + 1) > data_end)
            break;
        sum += *p;
        p++;
    }
    return sum & 1 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
