// The callback always runs and sets the index, but the verifier also follows the way on which it never does.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u8 bytes[16];

static long each(__u32 i, void *ctx)
{
    __u64 *at = ctx;

    *at = 3;
    return 0;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u64 at = 32;

    bpf_loop(10, each, &at, 0);
    bytes[at] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
