#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, __u16);
    __type(value, __u32);
} blocked SEC(".maps");

SEC("xdp")
int filter_ports(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;

    if ((void *)(eth + 1) > data_end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;

    struct iphdr *ip = (void *)(eth + 1);

    if ((void *)(ip + 1) > data_end)
        return XDP_PASS;

    __u32 hlen = ip->ihl * 4;
    __u16 port = 0;

    if (hlen < sizeof(*ip))
        return XDP_PASS;
    if (ip->protocol == IPPROTO_TCP) {
        struct tcphdr *tcp = (void *)ip + hlen;

        if ((void *)(tcp + 1) > data_end)
            return XDP_PASS;
        port = bpf_ntohs(tcp->dest);
    } else if (ip->protocol == IPPROTO_UDP) {
        struct udphdr *udp = (void *)ip + hlen;

        if ((void *)(udp + 1) > data_end)
            return XDP_PASS;
        port = bpf_ntohs(udp->dest);
    }

    __u32 *drops = bpf_map_lookup_elem(&blocked, &port);

    if (!drops)
        return XDP_PASS;
    *drops += 1;
    return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
