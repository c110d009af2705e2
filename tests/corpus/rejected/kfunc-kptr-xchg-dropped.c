#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

struct kept { struct task_struct __kptr *task; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct kept);
} last SEC(".maps");

SEC("tp_btf/task_newtask")
int BPF_PROG(remember, struct task_struct *task, u64 clone_flags)
{
    u32 zero = 0;
    struct kept *slot = bpf_map_lookup_elem(&last, &zero);
    struct task_struct *mine;

    if (!slot)
        return 0;
    mine = bpf_task_acquire(task);
    if (!mine)
        return 0;
    bpf_kptr_xchg(&slot->task, mine);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
