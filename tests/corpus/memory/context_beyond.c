// A field behind the end of the context is read.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    return ((volatile __u32 *)ctx)[8];
}

char LICENSE[] SEC("license") = "GPL";
