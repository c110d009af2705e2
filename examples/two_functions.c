// A separate function makes the decision.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

static __attribute__((noinline)) int is_allowed(__u32 protocol, __u32 length)
{
    if (protocol == IPPROTO_ICMP)
        return length < 128;
    return protocol == IPPROTO_TCP;
}

SEC("xdp")
int allow_some(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;

    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > data_end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;

    return is_allowed(ip->protocol, bpf_ntohs(ip->tot_len)) ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
