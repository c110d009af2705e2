#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("fentry/do_unlinkat")
int BPF_PROG(on_unlink, int dfd, struct filename *name)
{
    char path[64];
    pid_t pid = bpf_get_current_pid_tgid() >> 32;

    if (bpf_probe_read_kernel_str(path, sizeof(path), name->name) <= 0)
        return 0;
    bpf_printk("%d unlinks %s", pid, path);
    return 0;
}
