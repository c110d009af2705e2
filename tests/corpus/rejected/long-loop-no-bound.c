#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 64);
} table SEC(".maps");

SEC("tc")
int scan(struct __sk_buff *skb)
{
    __u32 limit = skb->len;
    __u32 sum = 0;

    for (__u32 i = 0; i < limit; i++) {
        __u32 key = i;
        __u32 *v = bpf_map_lookup_elem(&table, &key);
        if (!v)
            break;
        sum += *v;
    }
    return sum > 10 ? 2 : 0;
}

char LICENSE[] SEC("license") = "GPL";
