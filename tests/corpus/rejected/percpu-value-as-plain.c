#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 4);
    __type(key, u32);
    __type(value, u64);
} counts SEC(".maps");

SEC("raw_tp/sys_enter")
int percpu(void *ctx)
{
    u32 zero = 0;
    u64 sum = 0;

    for (int cpu = 0; cpu < 4; cpu++) {
        u64 *v = bpf_map_lookup_percpu_elem(&counts, &zero, cpu);

        sum += *v;
    }
    bpf_printk("%llu", sum);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
