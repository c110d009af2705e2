#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <bpf/bpf_core_read.h>

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    struct task_struct *cast = bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct));

    return cast->pid & 0;
}

char _license[] SEC("license") = "GPL";
