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

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
{
    u64 *n = bpf_task_storage_get(&execs, (void *)bpf_get_current_task(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

    if (!n)
        return 0;
    *n += 1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
