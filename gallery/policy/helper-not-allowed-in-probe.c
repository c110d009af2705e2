#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/vfs_fsync")
int BPF_PROG(synced, struct file *file)
{
    char path[64];

    bpf_d_path(&file->f_path, path, sizeof(path));
    return 0;
}

char _license[] SEC("license") = "GPL";
