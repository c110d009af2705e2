#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

static __always_inline void swap_macs(struct ethhdr *eth)
{
    unsigned char tmp[ETH_ALEN];

    __builtin_memcpy(tmp, eth->h_source, ETH_ALEN);
    __builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
    __builtin_memcpy(eth->h_dest, tmp, ETH_ALEN);
}

SEC("xdp")
int bounce(struct xdp_md *ctx)
{
    void *data = (void *)ctx;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;

    swap_macs(eth);
    return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
