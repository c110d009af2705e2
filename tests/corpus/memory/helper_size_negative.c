// The size may be negative.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tracepoint/syscalls/sys_enter_write")
int prog(long *ctx)
{
    char copy[64];
    int size = ctx[4];
    if (size > (int)sizeof(copy))
        return 0;
    bpf_probe_read_user(copy, size, (void *)ctx[3]);
    return copy[0];
}

char LICENSE[] SEC("license") = "GPL";
