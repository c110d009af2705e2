#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct task_state {
    int pid;
};

__noinline int look(struct task_state *task __arg_trusted)
{
    return task->pid;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    return look((void *)task) & 0;
}

char _license[] SEC("license") = "GPL";
