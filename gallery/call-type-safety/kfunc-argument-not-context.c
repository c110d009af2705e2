#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("xdp")
int size(struct xdp_md *ctx)
{
    struct bpf_dynptr ptr;
    struct xdp_md copy = {};

    bpf_dynptr_from_xdp(&copy, 0, &ptr);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
