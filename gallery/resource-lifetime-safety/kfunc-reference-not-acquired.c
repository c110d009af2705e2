#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

static long release(__u32 index, void *data)
{
    struct task_struct **held = data;

    bpf_task_release(*held);
    return 1;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    struct task_struct *held = bpf_task_acquire(task);

    if (!held)
        return 0;
    bpf_loop(1, release, &held, 0);
    bpf_task_release(held);
    return 0;
}

char _license[] SEC("license") = "GPL";
