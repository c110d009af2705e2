#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct value {
    struct bpf_wq work;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct value);
} queue SEC(".maps");

SEC("tc")
int later(struct __sk_buff *skb)
{
    __u32 zero = 0;
    struct value *value = bpf_map_lookup_elem(&queue, &zero);

    if (value)
        bpf_wq_init(&value->work, &zero, 0);
    return 0;
}

char _license[] SEC("license") = "GPL";
