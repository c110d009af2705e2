#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, u64);
} execs SEC(".maps");

SEC("kprobe/wake_up_new_task")
int BPF_KPROBE(on_exec, struct task_struct *p)
{
    u64 *n = bpf_task_storage_get(&execs, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

    if (!n)
        return 0;
    *n += 1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
