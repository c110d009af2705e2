#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SLOTS 10

struct stats {
    __u64 hits[SLOTS];
    __u64 last;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct stats);
    __uint(max_entries, 4);
} table SEC(".maps");

SEC("socket")
int tally(struct __sk_buff *skb)
{
    __u32 key = skb->ifindex & 3;
    volatile struct stats *s = bpf_map_lookup_elem(&table, &key);
    __u32 slot;

    if (!s)
        return 0;
    if (s->last >= SLOTS)
        return 0;
    bpf_printk("slot %d", slot = 1);
    s->hits[s->last]++;
    s->last = bpf_ktime_get_ns();
    return skb->len;
}

char LICENSE[] SEC("license") = "GPL";
