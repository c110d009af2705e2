#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long each(__u32 index, void *data)
{
    return 0;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
    bpf_loop(4, each, NULL, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
