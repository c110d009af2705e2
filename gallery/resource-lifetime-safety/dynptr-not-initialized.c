#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int copy(struct xdp_md *ctx)
{
    struct bpf_dynptr ptr;
    char byte;

    bpf_dynptr_read(&byte, 1, &ptr, 0, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
