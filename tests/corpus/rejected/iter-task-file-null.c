#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("iter/task_file")
int dump(struct bpf_iter__task_file *ctx)
{
    struct seq_file *seq = ctx->meta->seq;
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;

    if (!file)
        return 0;
    BPF_SEQ_PRINTF(seq, "%d %d %lx\n", task->tgid, ctx->fd, (long)file->f_op);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
