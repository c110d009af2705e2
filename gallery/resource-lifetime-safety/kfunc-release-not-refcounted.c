#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    bpf_task_release(task);
    return 0;
}

char _license[] SEC("license") = "GPL";
