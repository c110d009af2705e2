#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("fentry/vfs_read")
int BPF_PROG(on_read, struct file *file, char *buf, size_t count)
{
    if (file->f_flags & 0x800)
        file->f_flags &= ~0x800;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
