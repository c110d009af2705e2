// More arguments are read than the tracepoint has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int prog(volatile unsigned long *ctx)
{
    return ctx[12] & 1;
}

char LICENSE[] SEC("license") = "GPL";
