#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct value {
    struct task_struct __kptr *task;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct value);
} kept SEC(".maps");

SEC("tp_btf/task_newtask")
int BPF_PROG(keep, struct task_struct *task, __u64 clone_flags)
{
    __u32 zero = 0;
    struct value *value = bpf_map_lookup_elem(&kept, &zero);
    struct task_struct *held;

    if (!value)
        return 0;
    held = bpf_task_acquire(task);
    if (!held)
        return 0;
    held = bpf_kptr_xchg(&value->task, held);
    if (held)
        bpf_task_release(held);
    return 0;
}

char _license[] SEC("license") = "GPL";
