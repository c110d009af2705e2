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

SEC("tc")
int steer(struct __sk_buff *skb)
{
    struct bpf_sock_tuple tuple = {};
    struct bpf_sock *sk;
    int result = TC_ACT_OK;

    if (bpf_skb_load_bytes(skb, ETH_HLEN + 12, &tuple.ipv4.saddr, 8))
        return TC_ACT_OK;
    if (bpf_skb_load_bytes(skb, ETH_HLEN + 20, &tuple.ipv4.sport, 4))
        return TC_ACT_OK;
    sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
    if (sk->state == BPF_TCP_LISTEN)
        result = TC_ACT_SHOT;
    bpf_sk_release(sk);
    return result;
}

char LICENSE[] SEC("license") = "GPL";
