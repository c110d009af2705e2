#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define AREA 512

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, char[AREA]);
} area SEC(".maps");

struct header {
    __u32 offset;
    __u32 size;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct header);
} headers SEC(".maps");

SEC("tc")
int take(struct __sk_buff *skb)
{
    __u32 zero = 0;
    struct header *h = bpf_map_lookup_elem(&headers, &zero);
    char *base = bpf_map_lookup_elem(&area, &zero);

    if (!h)
        return 0;
    if (!base)
        return 0;

    __u32 offset = h->offset;
    __u32 size = h->size;

    if (offset > 256)
        return 0;
    if (size == 0)
        return 0;
    if (size > 256)
        return 0;
    return bpf_skb_load_bytes(skb, 0, base + offset, size);
}

char LICENSE[] SEC("license") = "GPL";
