#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *cpumask) __ksym;
extern void bpf_cpumask_set_cpu(u32 cpu, struct bpf_cpumask *cpumask) __ksym;
extern bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *cpumask) __ksym;

SEC("tp_btf/task_newtask")
int BPF_PROG(pin, struct task_struct *task, u64 clone_flags)
{
    struct bpf_cpumask *mask = bpf_cpumask_create();

    if (!mask)
        return 0;
    bpf_cpumask_set_cpu(0, mask);
    if (!bpf_cpumask_test_cpu(0, task->cpus_ptr))
        return 0;
    bpf_cpumask_release(mask);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
