// The mask is as large as the buffer, plus one.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tracepoint/syscalls/sys_enter_write")
int prog(long *ctx)
{
    char copy[64];
    __u64 size = ctx[4] & 127;
    if (size > sizeof(copy) + 1)
        return 0;
    bpf_probe_read_user(copy, size, (void *)ctx[3]);
    return copy[0];
}

char LICENSE[] SEC("license") = "GPL";
