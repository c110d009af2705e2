#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 128);
    __type(key, u32);
    __type(value, u64);
} table SEC(".maps");

static long each(void *map, u32 *key, u64 *value, u64 *best)
{
    if (*value > *best)
        *best = *value;
    if (*key == 0)
        return -1;
    return 0;
}

SEC("raw_tp/sys_enter")
int scan(void *ctx)
{
    u64 best = 0;

    bpf_for_each_map_elem(&table, each, &best, 0);
    bpf_printk("best %llu", best);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
