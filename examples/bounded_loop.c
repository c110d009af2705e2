// Sums the first sixteen bytes after the Ethernet header, one byte per iteration.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int sum_bytes(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *data_end = (void *)(long)ctx->data_end;
    unsigned char *byte = data + sizeof(struct ethhdr);
    __u64 sum = 0;

#pragma clang loop unroll(disable)
    for (int i = 0; i < 16; i++) {
        if (byte + 1 > data_end)
            break;
        sum += *byte;
        byte++;
    }

    return sum > 100 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
