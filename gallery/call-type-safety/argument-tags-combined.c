#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int look(struct xdp_md *ctx __arg_ctx __arg_nonnull)
{
    return ctx->data_end - ctx->data > 100;
}

SEC("xdp")
int size(struct xdp_md *ctx)
{
    return look(ctx) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
