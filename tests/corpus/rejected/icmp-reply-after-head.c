#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int reply(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    __u8 source[ETH_ALEN];

    if ((void *)(eth + 1) > data_end)
        return XDP_DROP;
    __builtin_memcpy(source, eth->h_source, ETH_ALEN);
    if (bpf_xdp_adjust_head(ctx, -20))
        return XDP_DROP;
    __builtin_memcpy(eth->h_dest, source, ETH_ALEN);
    return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
