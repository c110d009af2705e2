#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct meta {
    __u32 mark;
};

SEC("xdp")
int tag(struct xdp_md *ctx)
{
    struct meta *meta;
    void *data = (void *)(long)ctx->data;

    if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
        return XDP_PASS;
    meta = (void *)(long)ctx->data_meta;
    if ((void *)(meta + 1) > data)
        return XDP_PASS;
    meta->mark = 42;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
