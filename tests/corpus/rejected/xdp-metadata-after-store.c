#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct meta { __u32 mark; __u32 port; };

SEC("xdp")
int tag(struct xdp_md *ctx)
{
    struct meta *meta;

    if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)) < 0)
        return XDP_ABORTED;
    meta = (void *)(long)ctx->data_meta;
    meta->mark = ctx->rx_queue_index;
    meta->port = ctx->ingress_ifindex;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
