#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct vlan_hdr {
    __be16 tci;
    __be16 proto;
};

struct cursor {
    void *pos;
    void *end;
};

static __always_inline struct ethhdr *next_eth(struct cursor *c)
{
    struct ethhdr *eth = c->pos;

    if ((void *)(eth + 1) > c->end)
        return NULL;
    c->pos = eth + 1;
    return eth;
}

static __always_inline struct vlan_hdr *next_vlan(struct cursor *c)
{
    struct vlan_hdr *vlan = c->pos;

    if ((void *)(vlan + 1) > c->end)
        return NULL;
    c->pos = vlan + 1;
    return vlan;
}

static __always_inline struct ipv6hdr *next_ip6(struct cursor *c)
{
    struct ipv6hdr *ip6 = c->pos;

    c->pos = ip6 + 1;
    return ip6;
}

SEC("xdp")
int drop_low_hops(struct xdp_md *ctx)
{
    struct cursor c = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };
    struct ethhdr *eth = next_eth(&c);
    struct vlan_hdr *vlan;
    struct ipv6hdr *ip6;
    __be16 proto;

    if (!eth)
        return XDP_PASS;
    proto = eth->h_proto;
    if (proto == bpf_htons(ETH_P_8021Q)) {
        vlan = next_vlan(&c);
        if (!vlan)
            return XDP_PASS;
        proto = vlan->proto;
    }
    if (proto != bpf_htons(ETH_P_IPV6))
        return XDP_PASS;
    ip6 = next_ip6(&c);
    if (!ip6)
        return XDP_PASS;
    if (ip6->hop_limit < 2)
        return XDP_DROP;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
