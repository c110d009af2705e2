#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct gre_base {
    __be16 flags;
    __be16 protocol;
};

SEC("tc")
int decap(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data;
    void *data_end = (void *)(long)skb->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    struct gre_base *gre;
    struct iphdr *inner;
    __u32 skip = 4;

    if ((void *)(ip + 1) > data_end)
        return 0;
    if (ip->protocol != 47 || ip->ihl != 5)
        return 0;
    gre = (void *)(ip + 1);
    if ((void *)(gre + 1) > data_end)
        return 0;
    if (gre->flags & bpf_htons(0x8000))
        skip += 4;
    if (gre->flags & bpf_htons(0x2000))
        skip += 4;
    if (gre->flags & bpf_htons(0x1000))
        skip += 4;
    inner = (void *)gre + skip;
    skb->mark = inner->protocol;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
