#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u64);
} watched SEC(".maps");

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
    __u32 parent = task->real_parent->tgid;
    struct task_struct *p = bpf_task_from_pid(parent);

    if (!p)
        return 0;

    __u32 group = p->tgid;
    __u64 *times = bpf_map_lookup_elem(&watched, &group);

    if (!times) {
        bpf_task_release(p);
        return 0;
    }
    *times += p->start_time & 1;
    bpf_task_release(p);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
