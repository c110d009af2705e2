#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym;

SEC("xdp")
int stamp(struct xdp_md *ctx)
{
    __u64 at = 0;

    bpf_xdp_metadata_rx_timestamp(ctx, &at);
    return at ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
