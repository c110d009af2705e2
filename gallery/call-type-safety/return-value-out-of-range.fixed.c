#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int limit(struct __sk_buff *skb)
{
    return skb->len > 1500 ? 0 : 1;
}

char _license[] SEC("license") = "GPL";
