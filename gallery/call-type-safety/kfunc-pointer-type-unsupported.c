#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char data[64];

SEC("tp_btf/task_newtask")
int BPF_PROG(created, struct task_struct *task, __u64 clone_flags)
{
    struct bpf_dynptr ptr;
    char *bytes;

    bpf_dynptr_from_mem(data, sizeof(data), 0, &ptr);
    bytes = bpf_dynptr_slice(&ptr, 0, task, 16);
    return bytes ? bytes[0] & 0 : 0;
}

char _license[] SEC("license") = "GPL";
