#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct target { __u32 ifindex; __u8 mac[6]; __u16 vlan; };

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 512);
    __type(key, __be32);
    __type(value, struct target);
} routes SEC(".maps");

static __always_inline int push(struct ethhdr *eth, struct target *peer)
{
    __builtin_memcpy(eth->h_dest, peer->mac, 6);
    return bpf_redirect(peer->ifindex, 0);
}

SEC("xdp")
int forward(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    struct target *peer;
    __be32 to;

    if ((void *)(ip + 1) > data_end)
        return XDP_DROP;
    to = ip->daddr;
    peer = bpf_map_lookup_elem(&routes, &to);
    return push(eth, peer);
}

char LICENSE[] SEC("license") = "GPL";
