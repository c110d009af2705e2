#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/task_newtask")
int BPF_PROG(on_newtask, struct task_struct *task, u64 clone_flags)
{
    struct task_struct *parent = bpf_task_from_pid(1);

    if (task->tgid != parent->tgid)
        bpf_printk("new task %d", task->pid);
    bpf_task_release(parent);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
