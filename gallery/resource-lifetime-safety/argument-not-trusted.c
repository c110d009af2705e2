#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/task_newtask")
int BPF_PROG(threads, struct task_struct *task, __u64 clone_flags)
{
    struct bpf_iter_task it;
    int count = 0;

    bpf_rcu_read_lock();
    bpf_iter_task_new(&it, task->last_wakee, BPF_TASK_ITER_PROC_THREADS);
    while (bpf_iter_task_next(&it))
        count++;
    bpf_iter_task_destroy(&it);
    bpf_rcu_read_unlock();
    return 0;
}

char _license[] SEC("license") = "GPL";
