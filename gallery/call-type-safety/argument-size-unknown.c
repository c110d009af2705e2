#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__attribute__((noinline)) int first(void *bytes)
{
    return bytes ? *(char *)bytes : 0;
}

SEC("xdp")
int look(struct xdp_md *ctx)
{
    char buffer[16] = {};

    return first(buffer) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
