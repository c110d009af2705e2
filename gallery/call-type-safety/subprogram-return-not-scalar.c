#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 count;

__attribute__((noinline)) long place(void)
{
    long address = (long)&count;

    asm volatile("" : "+r"(address));
    return address;
}

SEC("xdp")
int look(struct xdp_md *ctx)
{
    return place() ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
