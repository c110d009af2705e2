#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int mark(struct xdp_md *ctx)
{
    return ctx->rx_queue_index == 1 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
