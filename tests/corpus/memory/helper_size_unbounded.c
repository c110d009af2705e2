// The size comes from the system call without a bound.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tracepoint/syscalls/sys_enter_write")
int prog(long *ctx)
{
    char copy[64];
    bpf_probe_read_user(copy, (__u32)ctx[4], (void *)ctx[3]);
    return copy[0];
}

char LICENSE[] SEC("license") = "GPL";
