#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("raw_tp/sched_process_exec")
int exe(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *task = (void *)ctx->args[0];
    struct mm_struct *mm = BPF_CORE_READ(task, mm);

    bpf_printk("vm %lu", mm->total_vm);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
