#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

__u8 bytes[256];

SEC("tc")
int window(struct __sk_buff *skb)
{
    __u32 start = skb->mark, step = skb->priority;

    if (start > 200 || step > 100)
        return 0;
    return bytes[start + step];
}

char LICENSE[] SEC("license") = "GPL";
