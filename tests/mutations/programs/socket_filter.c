#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, __u64);
} counts SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
    __u8 proto = 0;

    if (bpf_skb_load_bytes(skb, ETH_HLEN + 9, &proto, 1) < 0)
        return 0;

    __u32 index = proto;
    __u64 *value = bpf_map_lookup_elem(&counts, &index);

    if (!value)
        return 0;
    __sync_fetch_and_add(value, skb->len);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
