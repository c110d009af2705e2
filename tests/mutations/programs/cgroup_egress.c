#include <linux/bpf.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, __u64);
} bytes SEC(".maps");

SEC("cgroup_skb/egress")
int account(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data;
    void *data_end = (void *)(long)skb->data_end;
    struct iphdr *ip = data;

    if ((void *)(ip + 1) > data_end)
        return 1;

    __u32 daddr = ip->daddr;
    __u64 *sum = bpf_map_lookup_elem(&bytes, &daddr);

    if (!sum)
        return 1;
    *sum += skb->len;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
