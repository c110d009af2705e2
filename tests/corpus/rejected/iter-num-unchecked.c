#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, u32);
    __type(value, u64);
    __uint(max_entries, 32);
} nums SEC(".maps");

u64 buckets[32];

SEC("tc")
int sum_up(struct __sk_buff *skb)
{
    u64 sum = 0;
    int i;

    bpf_for(i, 0, 32) {
        u32 key = i;
        u64 *n = bpf_map_lookup_elem(&nums, &key);
        sum += *n;
        buckets[i & 31] += *n;
    }
    return sum > 9 ? 2 : 0;
}

char LICENSE[] SEC("license") = "GPL";
