#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bucket {
    struct bpf_spin_lock lock;
    __u64 tokens;
    __u64 stamp;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct bucket);
    __uint(max_entries, 1);
} buckets SEC(".maps");

SEC("tc")
int limit(struct __sk_buff *skb)
{
    __u32 key = 0;
    __u64 now = bpf_ktime_get_ns();
    struct bucket *b = bpf_map_lookup_elem(&buckets, &key);

    if (!b)
        return 0;
    bpf_spin_lock(&b->lock);
    if (b->tokens == 0) {
        bpf_spin_unlock(&b->lock);
        return 2;
    }
    b->tokens--;
    b->stamp = now;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
