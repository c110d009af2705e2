#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int classify(struct __sk_buff *skb)
{
    __u32 mark = skb->mark;

    if (skb->len > 1500)
        skb->mark = mark | 1;
    skb->tc_index = mark & 0xffff;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
