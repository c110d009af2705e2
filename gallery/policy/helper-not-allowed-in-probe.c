#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/do_unlinkat")
int BPF_PROG(unlinked, int dfd, struct filename *name)
{
    struct task_struct *task = bpf_get_current_task_btf();
    char path[64];

    bpf_d_path(&task->mm->exe_file->f_path, path, sizeof(path));
    return 0;
}

char _license[] SEC("license") = "GPL";
