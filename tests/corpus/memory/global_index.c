// A global variable is an index that nobody bounds.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 where;
__u32 slots[16];

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    slots[where] += 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
