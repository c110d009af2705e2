#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct event { u32 len; char args[512]; };
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 65536);
} rb SEC(".maps");

SEC("tp/sched/sched_process_exec")
int env(void *ctx)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    u64 start = BPF_CORE_READ(task, mm, arg_start);
    u64 end = BPF_CORE_READ(task, mm, arg_end);
    u32 len = end - start;
    struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);

    if (!e)
        return 0;
    e->len = len;
    bpf_probe_read_user(e->args, len, (void *)start);
    bpf_ringbuf_submit(e, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
