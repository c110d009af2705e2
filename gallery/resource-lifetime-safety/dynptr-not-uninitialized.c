#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
    __uint(type, BPF_MAP_TYPE_USER_RINGBUF);
    __uint(max_entries, 4096);
} messages SEC(".maps");

char buffer[64];

static long receive(struct bpf_dynptr *message, void *data)
{
    bpf_dynptr_from_mem(buffer, sizeof(buffer), 0, message);
    return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(drain, struct task_struct *task, __u64 clone_flags)
{
    bpf_user_ringbuf_drain(&messages, receive, NULL, 0);
    return 0;
}

char _license[] SEC("license") = "GPL";
