// A function's result is an index.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 slots[16];

static __attribute__((noinline)) __u32 pick(__u32 n)
{
    if (n > 100)
        return 16;
    return n & 7;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    slots[pick(ctx->rx_queue_index)] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
