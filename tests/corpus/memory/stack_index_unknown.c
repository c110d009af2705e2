// A number of 32 bits selects an element of an array on the stack.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    volatile __u64 slots[8] = {};
    slots[ctx->rx_queue_index] = 1;
    return slots[0] & 1;
}

char LICENSE[] SEC("license") = "GPL";
