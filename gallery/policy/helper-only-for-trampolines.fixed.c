#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__u64 last;

SEC("fentry/vfs_fsync")
int BPF_PROG(synced)
{
    last = bpf_get_func_ip(ctx);
    return 0;
}

char _license[] SEC("license") = "GPL";
