#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define WEIGHTS 8

volatile __u32 current;
__u32 weights[WEIGHTS];
__u64 result;

SEC("xdp")
int weigh(struct xdp_md *ctx)
{
    __u32 at = current;

    if (at >= WEIGHTS)
        return XDP_ABORTED;
    result += weights[at];
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
