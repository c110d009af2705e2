#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, u32);
    __type(value, u64);
    __uint(max_entries, 1024);
} opens SEC(".maps");

SEC("kprobe/do_filp_open")
int BPF_KPROBE(on_open, int dfd, struct filename *name)
{
    const char *path = BPF_CORE_READ(name, name);
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    u32 ppid = BPF_CORE_READ(task, real_parent, tgid);
    u64 one = 1, *count;

    if (path[0] != '/')
        return 0;
    count = bpf_map_lookup_elem(&opens, &ppid);
    if (count)
        __sync_fetch_and_add(count, 1);
    else
        bpf_map_update_elem(&opens, &ppid, &one, BPF_ANY);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
