#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 count;

__attribute__((noinline)) long place(int unused)
{
    return (long)&count;
}

SEC("xdp")
int look(struct xdp_md *ctx)
{
    return place(0) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
