#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int choose(struct __sk_buff *skb)
{
    int verdict = 0;

    switch (skb->mark) {
    case 1:
        verdict = 2;
        break;
    case 2:
        verdict = skb->ifindex;
        break;
    }
    if (skb->len > 1000)
        bpf_printk("large, verdict %d", verdict);
}

char LICENSE[] SEC("license") = "GPL";
