#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct dnshdr {
    __be16 id;
    __be16 flags;
    __be16 questions;
    __be16 answers;
    __be16 authority;
    __be16 additional;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __type(key, __be32);
    __type(value, __u64);
    __uint(max_entries, 4096);
} queries SEC(".maps");

SEC("xdp")
int dns_guard(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    struct udphdr *udp = (void *)(ip + 1);
    struct dnshdr *dns = (void *)(udp + 1);
    __u64 one = 1;

    if ((void *)(dns + 1) > data_end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(53))
        return XDP_PASS;
    if (bpf_ntohs(dns->questions) > 1)
        return XDP_DROP;

    __be32 saddr = ip->saddr;
    __u64 *count = bpf_map_lookup_elem(&queries, &saddr);
    if (!count) {
        bpf_map_update_elem(&queries, &saddr, &one, BPF_ANY);
    }
    if (*count > 1000)
        return XDP_DROP;
    *count += 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
