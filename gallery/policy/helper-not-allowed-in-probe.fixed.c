#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/filp_close")
int BPF_PROG(closed, struct file *file)
{
    char path[64];

    bpf_d_path(&file->f_path, path, sizeof(path));
    return 0;
}

char _license[] SEC("license") = "GPL";
