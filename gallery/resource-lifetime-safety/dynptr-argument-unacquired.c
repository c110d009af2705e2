#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char data[64];

SEC("xdp")
int submit(struct xdp_md *ctx)
{
    struct bpf_dynptr ptr;

    bpf_dynptr_from_mem(data, sizeof(data), 0, &ptr);
    bpf_ringbuf_submit_dynptr(&ptr, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
