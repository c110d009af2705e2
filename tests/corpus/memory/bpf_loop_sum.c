// Each round of bpf_loop() moves the place that is written one further, and nobody asks for the end.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u8 bytes[64];

static long each(__u32 i, void *ctx)
{
    __u64 *at = ctx;

    bytes[*at] = i;
    *at += 8;
    return 0;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u64 at = 0;

    bpf_loop(20, each, &at, 0);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
