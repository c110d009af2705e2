#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

const volatile u32 denied_uid = 1000;

SEC("lsm/file_open")
int BPF_PROG(deny_open, struct file *file)
{
    u32 uid = bpf_get_current_uid_gid();
    struct inode *inode = file->f_inode;

    if (!denied_uid || uid != denied_uid)
        return 0;
    char path[32];
    bpf_d_path((struct path *)bpf_get_current_task(), path, sizeof(path));
    if (inode->i_mode & 0111)
        return -1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
