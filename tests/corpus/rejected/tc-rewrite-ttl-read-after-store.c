#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <linux/pkt_cls.h>

#include <stddef.h>
#define TTL_OFF (ETH_HLEN + offsetof(struct iphdr, ttl))

SEC("classifier")
int set_ttl(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data;
    void *data_end = (void *)(long)skb->data_end;
    struct iphdr *ip = data + ETH_HLEN;
    __u8 ttl = 64;

    if (skb->protocol != bpf_htons(ETH_P_IP))
        return TC_ACT_OK;
    if ((void *)(ip + 1) > data_end)
        return TC_ACT_OK;
    if (ip->ttl == ttl)
        return TC_ACT_OK;
    if (bpf_skb_store_bytes(skb, TTL_OFF, &ttl, sizeof(ttl), BPF_F_RECOMPUTE_CSUM))
        return TC_ACT_SHOT;
    if (ip->tos)
        return TC_ACT_SHOT;
    return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
