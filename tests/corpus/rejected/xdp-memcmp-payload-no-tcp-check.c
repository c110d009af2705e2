#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int drop_http_get(struct xdp_md *ctx)
{
    char *data = (char *)(long)ctx->data;
    char *data_end = (char *)(long)ctx->data_end;
    struct ethhdr *eth = (struct ethhdr *)data;
    int off = sizeof(*eth);

    if (data + off + sizeof(struct iphdr) > data_end)
        return XDP_PASS;
    struct iphdr *ip = (struct iphdr *)(data + off);
    if (ip->protocol != IPPROTO_TCP)
        return XDP_PASS;
    off += ip->ihl * 4;
    struct tcphdr *tcp = (struct tcphdr *)(data + off);
    off += tcp->doff * 4;
    char *payload = data + off;
    if (payload + 4 > data_end)
        return XDP_PASS;
    if (payload[0] == 'G' && payload[1] == 'E' && payload[2] == 'T' && payload[3] == ' ')
        return XDP_DROP;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
