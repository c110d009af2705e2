#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int twice(int number __arg_nonnull)
{
    return number * 2;
}

SEC("xdp")
int look(struct xdp_md *ctx)
{
    return twice(ctx->rx_queue_index) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
