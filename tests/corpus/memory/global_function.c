// A global function is verified for every argument, whatever its callers give it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 slots[16];

__attribute__((noinline)) int pick(__u32 i)
{
    return slots[i];
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    return pick(ctx->rx_queue_index & 7);
}

char LICENSE[] SEC("license") = "GPL";
