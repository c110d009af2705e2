#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct tally { struct bpf_spin_lock lock; u64 count; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct tally);
} stats SEC(".maps");

SEC("tp/sched/sched_switch")
int on_switch(void *ctx)
{
    u32 zero = 0;
    struct tally *s = bpf_map_lookup_elem(&stats, &zero);

    if (!s)
        return 0;
    bpf_spin_lock(&s->lock);
    s->count++;
    bpf_spin_unlock(&s->lock);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
