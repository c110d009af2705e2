#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct meter {
    struct bpf_spin_lock lock;
    __u32 pad;
    __u64 tokens;
    __u64 last;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 128);
    __type(key, __u32);
    __type(value, struct meter);
} buckets SEC(".maps");

SEC("tc")
int police(struct __sk_buff *skb)
{
    __u32 key = skb->ifindex;
    __u64 now = bpf_ktime_get_ns();
    struct meter *b = bpf_map_lookup_elem(&buckets, &key);
    int verdict = 2;

    if (!b)
        return 0;
    bpf_spin_lock(&b->lock);
    b->tokens += now - b->last;
    b->last = now;
    if (b->tokens > 1000) {
        b->tokens -= 1000;
        verdict = 0;
    }
    bpf_spin_unlock(&b->lock);
    return verdict;
}

char LICENSE[] SEC("license") = "GPL";
