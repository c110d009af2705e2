#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct account { struct bpf_spin_lock lock; __u64 amount; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, struct account);
} accounts SEC(".maps");

SEC("tc")
int transfer(struct __sk_buff *skb)
{
    __u32 from = 1, to = 2;
    struct account *a = bpf_map_lookup_elem(&accounts, &from);
    struct account *b = bpf_map_lookup_elem(&accounts, &to);

    if (!a || !b)
        return 0;
    bpf_spin_lock(&a->lock);
    bpf_spin_lock(&b->lock);
    a->amount -= skb->len;
    b->amount += skb->len;
    bpf_spin_unlock(&b->lock);
    bpf_spin_unlock(&a->lock);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
