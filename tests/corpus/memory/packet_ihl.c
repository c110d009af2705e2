// The header length comes from the packet and is not checked before the ports are read.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    struct iphdr *ip = (void *)(data + sizeof(struct ethhdr));
    if ((void *)(ip + 1) > (void *)end)
        return XDP_PASS;
    struct udphdr *udp = (void *)ip + ip->ihl * 4;
    return udp->dest == bpf_htons(53) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
