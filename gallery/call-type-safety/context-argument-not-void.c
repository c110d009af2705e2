#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct args {
    __u64 values[4];
};

__noinline int look(struct args *ctx __arg_ctx)
{
    return ctx != NULL;
}

SEC("fentry/do_unlinkat")
int start(void *ctx)
{
    return look(ctx) & 0;
}

char _license[] SEC("license") = "GPL";
