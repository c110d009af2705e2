#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define BLOCKED_PORT 8080

static __always_inline int parse_tcp(void *pos, void *data_end)
{
    struct tcphdr *tcp = pos;

    return bpf_ntohs(tcp->dest);
}

SEC("xdp")
int drop_port(struct xdp_md *ctx)
{
    void *data_end = (void *)(long)ctx->data_end;
    void *data = (void *)(long)ctx->data;
    struct ethhdr *eth = data;
    struct iphdr *ip;
    int port;

    if (data + sizeof(*eth) > data_end)
        return XDP_DROP;
    if (eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    ip = data + sizeof(*eth);
    if (data + sizeof(*eth) + sizeof(*ip) > data_end)
        return XDP_DROP;
    if (ip->protocol != IPPROTO_TCP)
        return XDP_PASS;
    port = parse_tcp((void *)ip + ip->ihl * 4, data_end);
    if (port == BLOCKED_PORT)
        return XDP_DROP;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
