#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("lsm/bprm_committed_creds")
int BPF_PROG(on_exec, struct linux_binprm *bprm)
{
    char first[8] = {};

    bpf_copy_from_user(first, sizeof(first), (void *)bprm->p);
    bpf_printk("stack top %s", first);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
