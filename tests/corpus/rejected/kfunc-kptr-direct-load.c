#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct kept { struct task_struct __kptr *task; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct kept);
} last SEC(".maps");

SEC("tp_btf/sched_wakeup")
int BPF_PROG(peek, struct task_struct *p)
{
    u32 zero = 0;
    struct kept *slot = bpf_map_lookup_elem(&last, &zero);

    if (!slot)
        return 0;
    if (slot->task->pid == p->pid)
        bpf_printk("again");
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
