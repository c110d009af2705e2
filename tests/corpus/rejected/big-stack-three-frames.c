#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

static __noinline int inner(u64 seed)
{
    char b[200];

    bpf_get_current_comm(b, 16);
    for (int i = 16; i < 200; i++)
        b[i] = seed >> (i & 7);
    return b[seed & 127];
}

static __noinline int middle(u64 seed)
{
    char a[200];

    bpf_probe_read_kernel(a, sizeof(a), (void *)seed);
    return a[0] + inner(seed + a[1]);
}

SEC("kprobe/do_exit")
int deep(struct pt_regs *ctx)
{
    char top[200];

    bpf_probe_read_kernel(top, sizeof(top), (void *)PT_REGS_SP(ctx));
    return middle(top[0]) + top[1] > 3;
}

char LICENSE[] SEC("license") = "GPL";
