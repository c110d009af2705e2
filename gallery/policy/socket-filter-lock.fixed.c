#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct item {
    __u64 count;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct item);
} items SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
    __u32 key = 0;
    struct item *item = bpf_map_lookup_elem(&items, &key);

    if (item)
        __sync_fetch_and_add(&item->count, 1);
    return 0;
}

char _license[] SEC("license") = "GPL";
