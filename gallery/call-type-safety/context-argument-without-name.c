#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int caught(struct { __u64 first; } *ctx __arg_ctx)
{
    return XDP_DROP;
}

SEC("xdp")
__attribute__((btf_decl_tag("exception_callback:caught")))
int check(struct xdp_md *ctx)
{
    if (bpf_get_smp_processor_id() > 4)
        bpf_throw(0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
