#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("tc")
int tunnel(struct __sk_buff *skb)
{
    struct bpf_tunnel_key key = {};

    if (bpf_skb_get_tunnel_key(skb, &key, 64, 0) < 0)
        return 2;
    if (key.tunnel_id == 42)
        return 0;
    return 2;
}

char LICENSE[] SEC("license") = "GPL";
