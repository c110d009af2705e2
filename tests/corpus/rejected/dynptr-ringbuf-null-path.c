#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 65536);
} rb SEC(".maps");

SEC("tp/syscalls/sys_enter_execve")
int emit(void *ctx)
{
    struct bpf_dynptr ptr;
    u64 pid = bpf_get_current_pid_tgid();

    if (bpf_ringbuf_reserve_dynptr(&rb, 64, 0, &ptr))
        return 0;
    bpf_dynptr_write(&ptr, 0, &pid, sizeof(pid), 0);
    bpf_ringbuf_submit_dynptr(&ptr, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
