#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 count;

__attribute__((noinline)) long value(void)
{
    return count;
}

SEC("xdp")
int look(struct xdp_md *ctx)
{
    return value() ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
