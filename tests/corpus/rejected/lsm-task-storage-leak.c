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
} forks SEC(".maps");

SEC("lsm/task_alloc")
int BPF_PROG(count_forks, struct task_struct *task, unsigned long clone_flags)
{
    struct task_struct *me = bpf_get_current_task_btf();
    u64 *count;

    count = bpf_task_storage_get(&forks, me, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (++*count > 1000)
        return -11;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
