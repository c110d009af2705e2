#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int look(void *ctx __arg_ctx)
{
    return ctx != NULL;
}

SEC("xdp")
int start(struct xdp_md *ctx)
{
    return look(ctx);
}

char _license[] SEC("license") = "GPL";
