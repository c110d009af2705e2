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

    if (value)
        value->task = task;
    return 0;
}

char _license[] SEC("license") = "GPL";
