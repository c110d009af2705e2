#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__u64 shared;

SEC("fentry/vfs_fsync")
int BPF_PROG(synced, struct file *file)
{
    if (file->f_flags > 1)
        shared++;
    return 0;
}

char _license[] SEC("license") = "GPL";
