// A constant is written.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 7;

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    *(volatile __u32 *)&limit = 8;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
