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

SEC("cgroup_skb/egress")
int only_dns(struct __sk_buff *skb)
{
    struct iphdr ip;
    __be16 dport;

    if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
        return 1;
    if (ip.protocol != IPPROTO_UDP)
        return 1;
    if (bpf_skb_load_bytes(skb, ip.ihl * 4 + 2, &dport, sizeof(dport)))
        return 1;
    char name[64];
    if (bpf_skb_load_bytes(skb, 28, name, ip.tot_len))
        return 1;
    return dport == bpf_htons(53) && name[0];
}

char LICENSE[] SEC("license") = "GPL";
