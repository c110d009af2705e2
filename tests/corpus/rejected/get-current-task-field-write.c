#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("kprobe/vfs_write")
int nice(struct pt_regs *ctx)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();

    if (task->static_prio < 110)
        bpf_printk("pid %d", task->group_leader->pid);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
