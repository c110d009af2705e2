#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

__noinline int total(__u32 *v)
{
    if (!v)
        return 0;
    return v[0] + v[1] + v[2] + v[3];
}

SEC("tc")
int check_all(struct __sk_buff *skb)
{
    __u32 values[4] = { skb->len, skb->mark, skb->priority, 0 };

    return total(values) > 100;
}

char LICENSE[] SEC("license") = "GPL";
