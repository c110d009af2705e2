#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 4);
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __type(key, __u32);
    __uint(max_entries, 2);
    __array(values, struct inner);
} outer SEC(".maps");

SEC("tc")
int nested(struct __sk_buff *skb)
{
    __u32 key = skb->ifindex & 1;
    void *in = bpf_map_lookup_elem(&outer, &key);
    __u64 *v;

    v = bpf_map_lookup_elem(in, &key);
    if (!v)
        return 0;
    *v += 1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
