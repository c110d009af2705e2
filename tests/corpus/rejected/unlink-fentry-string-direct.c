#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("fentry/do_unlinkat")
int BPF_PROG(on_unlink, int dfd, struct filename *name)
{
    pid_t pid = bpf_get_current_pid_tgid() >> 32;

    if (name->name[0] != '/')
        return 0;
    bpf_printk("%d unlinks %s", pid, "x");
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
