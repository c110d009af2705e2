// The loop writes one element too many.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 slots[16];

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    volatile __u32 last = 16;
    for (__u32 i = 0; i < 20; i++) {
        if (i > last)
            break;
        slots[i] = i;
    }
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
