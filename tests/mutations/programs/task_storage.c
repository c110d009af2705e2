#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct local {
    __u64 calls;
    __u32 last;
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct local);
} locals SEC(".maps");

SEC("fentry/vfs_read")
int BPF_PROG(on_read, struct file *file)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct local *l = bpf_task_storage_get(&locals, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

    if (!l)
        return 0;
    l->calls += 1;
    l->last = file->f_flags;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
