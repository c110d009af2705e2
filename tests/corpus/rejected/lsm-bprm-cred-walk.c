#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("lsm/bprm_check_security")
int BPF_PROG(check_exec, struct linux_binprm *bprm)
{
    const char *name = bprm->filename;

    if (bpf_strncmp(name, 5, "/tmp/") == 0)
        return -1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
