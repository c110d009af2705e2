#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("fentry/vfs_unlink")
int BPF_PROG(on_lookup, struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry)
{
    u32 len = dentry->d_name.len;

    if (len < 4)
        return 0;
    if (dentry->d_iname[len - 1] == 'k')
        bpf_printk("ends in k");
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
