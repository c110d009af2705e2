#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int look(struct task_struct *task __arg_trusted)
{
    return task->pid;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    return look(task) & 0;
}

char _license[] SEC("license") = "GPL";
