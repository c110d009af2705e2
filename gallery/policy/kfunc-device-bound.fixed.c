#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("xdp")
int stamp(struct xdp_md *ctx)
{
    __u64 at = bpf_ktime_get_ns();

    return at ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
