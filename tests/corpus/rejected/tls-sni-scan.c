#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int sni(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    struct tcphdr *tcp = (void *)(ip + 1);
    __u8 *p = (void *)(tcp + 1);
    __u32 seen = 0;

    if ((void *)(p + 6) > data_end)
        return XDP_PASS;
    if (ip->protocol != IPPROTO_TCP || p[0] != 0x16)
        return XDP_PASS;
#pragma unroll
    for (int i = 0; i < 40; i++) {
        if (p[5 + i] == 0)
            seen++;
    }
    return seen > 3 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
