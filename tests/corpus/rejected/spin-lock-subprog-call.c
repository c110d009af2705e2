#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct rate { struct bpf_spin_lock lock; __u64 last; __u64 tokens; };
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, __u32);
    __type(value, struct rate);
} rates SEC(".maps");

static __always_inline void refill(struct rate *r)
{
    __u64 now = bpf_ktime_get_boot_ns();

    r->tokens += (now - r->last) >> 10;
    r->last = now;
}

SEC("tc")
int locked_add(struct __sk_buff *skb)
{
    __u32 key = skb->ifindex;
    struct rate *r = bpf_map_lookup_elem(&rates, &key);
    int verdict = 0;

    if (!r)
        return 0;
    bpf_spin_lock(&r->lock);
    refill(r);
    if (r->tokens < skb->len)
        verdict = 2;
    bpf_spin_unlock(&r->lock);
    return verdict;
}

char LICENSE[] SEC("license") = "GPL";
