#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/task_newtask")
int BPF_PROG(parents, struct task_struct *task, u64 clone_flags)
{
    struct task_struct *parent = task->real_parent;

    bpf_printk("parent %d", parent->pid);
    bpf_task_release(parent);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
