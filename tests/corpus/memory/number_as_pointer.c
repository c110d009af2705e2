// A number from the context is used as a pointer.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("kprobe/do_unlinkat")
int prog(unsigned long *ctx)
{
    return *(int *)ctx[14];
}

char LICENSE[] SEC("license") = "GPL";
