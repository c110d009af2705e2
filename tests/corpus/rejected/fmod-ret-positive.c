#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("fmod_ret/security_file_open")
int BPF_PROG(deny, struct file *file, int ret)
{
    u64 id = bpf_get_current_pid_tgid();

    if (ret)
        return ret;
    file = (void *)id;
    return file->f_mode & 1 ? -1 : 0;
}

char LICENSE[] SEC("license") = "GPL";
