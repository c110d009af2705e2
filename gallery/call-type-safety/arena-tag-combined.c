#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int look(__u64 *place __arg_arena __arg_nonnull)
{
    return place != NULL;
}

SEC("xdp")
int check(struct xdp_md *ctx)
{
    return look(NULL) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
