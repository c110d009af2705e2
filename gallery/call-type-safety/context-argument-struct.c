#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int look(struct __sk_buff *ctx __arg_ctx)
{
    return ctx->len > 100;
}

SEC("xdp")
int size(struct xdp_md *ctx)
{
    return look((void *)ctx) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
