// The length in the UDP header is trusted.
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
    struct udphdr *udp = (void *)(ip + 1);
    if ((void *)(udp + 1) > (void *)end)
        return XDP_PASS;
    unsigned char *last = (void *)udp + bpf_ntohs(udp->len) - 1;
    return *last;
}

char LICENSE[] SEC("license") = "GPL";
