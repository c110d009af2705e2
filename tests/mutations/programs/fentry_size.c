#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define KINDS 16

__u64 sizes[KINDS];

SEC("fentry/vfs_write")
int BPF_PROG(on_write, struct file *file, const char *buf, size_t count)
{
    __u32 kind = file->f_mode;

    if (kind >= KINDS)
        return 0;
    sizes[kind] += count;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
