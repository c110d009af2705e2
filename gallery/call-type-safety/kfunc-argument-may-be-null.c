#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    struct task_struct *held = bpf_task_from_pid(1);

    bpf_task_release(held);
    return 0;
}

char _license[] SEC("license") = "GPL";
