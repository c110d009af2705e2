#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int bpf_future_function(int flags) __ksym __weak;

SEC("xdp")
int check(struct xdp_md *ctx)
{
    if (!bpf_ksym_exists(bpf_future_function))
        return XDP_PASS;
    return bpf_future_function(0) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
