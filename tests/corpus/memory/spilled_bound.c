// The index is bounded before it is spilled as 32 bits, and filled as 64 bits.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u8 bytes[64];

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    volatile __u64 kept = 0;
    __u32 i = ctx->rx_queue_index;

    if (i >= 64)
        return XDP_PASS;
    *(volatile __u32 *)&kept = i;
    bytes[kept] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
