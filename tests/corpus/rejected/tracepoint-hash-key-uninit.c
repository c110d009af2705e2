#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct pair { u32 prev; u32 next; };
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, struct pair);
    __type(value, u64);
} switches SEC(".maps");

static __noinline int fill(struct pair *p, u32 pid)
{
    if (!p)
        return -1;
    p->next = pid;
    return 0;
}

SEC("tp/sched/sched_switch")
int on_switch(struct trace_event_raw_sched_switch *ctx)
{
    struct pair *p;
    u64 one = 1, *count;
    struct pair key;
    u32 pid;

    bpf_probe_read_kernel(&pid, sizeof(pid), &ctx->next_pid);
    count = bpf_map_lookup_elem(&switches, p);
    if (count)
        *count += one;
    key.prev = pid;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
