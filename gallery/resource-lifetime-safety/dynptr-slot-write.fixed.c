#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char data[64];

SEC("xdp")
int name(struct xdp_md *ctx)
{
    struct bpf_dynptr ptr;
    char copy[16];

    bpf_dynptr_from_mem(data, sizeof(data), 0, &ptr);
    bpf_dynptr_read(copy, sizeof(copy), &ptr, 0, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
