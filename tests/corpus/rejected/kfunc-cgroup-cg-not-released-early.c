#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct cgroup *bpf_cgroup_from_id(u64 cgid) __ksym;
void bpf_cgroup_release(struct cgroup *p) __ksym;
void bpf_rcu_read_lock(void) __ksym;
void bpf_rcu_read_unlock(void) __ksym;

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
    struct cgroup *cg = bpf_cgroup_from_id(bpf_get_current_cgroup_id());
    struct task_struct *real;

    if (!cg)
        return 0;
    bpf_rcu_read_lock();
    real = parent->real_parent;
    if (!real) {
        bpf_rcu_read_unlock();
        return 0;
    }
    bpf_printk("%d in level %d", real->pid, cg->level);
    bpf_rcu_read_unlock();
    bpf_cgroup_release(cg);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
