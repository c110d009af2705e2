// The callback of bpf_loop() writes at its number.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 slots[16];

static long each(__u32 i, void *ctx)
{
    slots[i] = i;
    return 0;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    bpf_loop(32, each, 0, 0);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
