#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, u32);
    __type(value, u64);
    __uint(max_entries, 10240);
} on_cpu SEC(".maps");

SEC("raw_tp/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
    u64 now = bpf_ktime_get_ns(), *since;
    u32 pid = BPF_CORE_READ(prev, pid);
    u32 next_pid = BPF_CORE_READ(next, pid);
    char c = next->comm[0];
    if (c == 0)
        return 0;

    since = bpf_map_lookup_elem(&on_cpu, &pid);
    if (since) {
        bpf_printk("%d ran %llu ns", pid, now - *since);
        bpf_map_delete_elem(&on_cpu, &pid);
    }
    bpf_map_update_elem(&on_cpu, &next_pid, &now, BPF_ANY);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
