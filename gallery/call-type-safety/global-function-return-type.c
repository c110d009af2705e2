#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 counts[4];

__attribute__((noinline)) __u64 *count_of(__u32 index)
{
    return &counts[index & 3];
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
    __u64 *found = count_of(ctx->rx_queue_index);

    *found += 1;
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
