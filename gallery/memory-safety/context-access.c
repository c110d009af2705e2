#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int mark(struct xdp_md *ctx)
{
    ctx->rx_queue_index = 1;
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
