// The size may be 0, which does no harm.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} events SEC(".maps");

SEC("tc")
int prog(struct __sk_buff *skb)
{
    char copy[32];
    __u32 size = skb->len & 31;
    return bpf_skb_load_bytes(skb, 0, copy, size);
}

char LICENSE[] SEC("license") = "GPL";
