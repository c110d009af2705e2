#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct rule {
    __u32 mark;
    __u32 hits;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 512);
    __type(key, __u32);
    __type(value, struct rule);
} rules SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u64);
} totals SEC(".maps");

SEC("tc")
int apply_mark(struct __sk_buff *skb)
{
    __u32 ifindex = skb->ifindex;
    struct rule *rule = bpf_map_lookup_elem(&rules, &ifindex);

    if (!rule)
        return TC_ACT_OK;

    __u32 mark = rule->mark;
    __u64 *total = bpf_map_lookup_elem(&totals, &mark);

    if (!total)
        return TC_ACT_SHOT;
    skb->mark = mark;
    rule->hits += 1;
    *total += skb->len;
    return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
