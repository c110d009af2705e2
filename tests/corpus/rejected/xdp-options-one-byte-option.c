#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 64);
} by_kind SEC(".maps");

SEC("xdp")
int first_tcp_option(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;

    if ((void *)(eth + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > data_end || ip->protocol != IPPROTO_TCP)
        return XDP_PASS;
    struct tcphdr *tcp = (void *)ip + ip->ihl * 4;
    if ((void *)(tcp + 1) > data_end)
        return XDP_PASS;
    if (tcp->doff <= 5)
        return XDP_PASS;
    __u8 *opt = (__u8 *)(tcp + 1);
    if ((void *)(opt + 1) > data_end)
        return XDP_PASS;
    __u32 kind = opt[0] & 63;
    __u64 *n = bpf_map_lookup_elem(&by_kind, &kind);
    if (n)
        *n += opt[1];
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
