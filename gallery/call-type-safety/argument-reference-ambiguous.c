#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int look(struct irq_info *entry __arg_trusted __arg_nullable)
{
    return entry != NULL;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    return look(NULL) & 0;
}

char _license[] SEC("license") = "GPL";
