#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define STATES 8

__u64 by_state[STATES];

SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;

    if (!task)
        return 0;

    __u32 state = task->__state;

    if (state >= STATES)
        return 0;
    by_state[state] += 1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
