#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

int found;

SEC("lsm.s/task_alloc")
int count_children(void *ctx)
{
    struct bpf_iter_task it;
    struct task_struct *task;

    bpf_rcu_read_lock();
    bpf_iter_task_new(&it, NULL, 0);
    while ((task = bpf_iter_task_next(&it))) {
        if (task->pid == 1)
            goto out;
        found++;
    }
    bpf_iter_task_destroy(&it);
out:
    bpf_rcu_read_unlock();
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
