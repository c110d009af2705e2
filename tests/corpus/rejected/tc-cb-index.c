#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("tc")
int count_cb(struct __sk_buff *skb)
{
    __u32 at = bpf_get_prandom_u32() % 5;

    skb->cb[at] = skb->ifindex;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
