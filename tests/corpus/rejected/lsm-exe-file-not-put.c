#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

extern struct file *bpf_get_task_exe_file(struct task_struct *task) __ksym;
extern void bpf_put_file(struct file *file) __ksym;

SEC("lsm/file_open")
int BPF_PROG(same_exe, struct file *file)
{
    struct task_struct *me = bpf_get_current_task_btf();
    struct file *exe = bpf_get_task_exe_file(me);

    if (!exe)
        return 0;
    if (exe->f_inode == file->f_inode)
        return -1;
    bpf_put_file(exe);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
