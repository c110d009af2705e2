#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <bpf/bpf_core_read.h>

struct task_struct___old {
    long state;
} __attribute__((preserve_access_index));

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    struct task_struct___old *old = (void *)task;

    if (!bpf_core_field_exists(old->state))
        return 0;
    return old->state != 0;
}

char _license[] SEC("license") = "GPL";
