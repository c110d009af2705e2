#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern struct cgroup *bpf_cgroup_from_id(u64 cgid) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

__u64 wanted;
__u64 seen;

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
    struct cgroup *cg = bpf_cgroup_from_id(wanted);

    if (!cg)
        return 0;
    bpf_rcu_read_lock();
    if (cg->level > 2)
        seen += 1;
    bpf_rcu_read_unlock();
    bpf_cgroup_release(cg);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
