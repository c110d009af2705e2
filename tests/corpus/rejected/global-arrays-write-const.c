#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define PORTS 100

__u64 by_port[PORTS];
const volatile __u32 first_port = 8000;

SEC("xdp")
int port_counter(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct udphdr *udp = data + sizeof(struct ethhdr) + sizeof(struct iphdr);
    __u32 at;

    if ((void *)(udp + 1) > data_end)
        return XDP_PASS;
    at = bpf_ntohs(udp->dest) - first_port;
    if (at >= PORTS)
        return XDP_PASS;
    by_port[at]++;
    *(volatile __u32 *)&first_port = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
