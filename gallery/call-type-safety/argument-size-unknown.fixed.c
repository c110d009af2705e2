#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct buffer {
    char bytes[16];
};

__attribute__((noinline)) int first(struct buffer *buffer)
{
    return buffer ? buffer->bytes[0] : 0;
}

SEC("xdp")
int look(struct xdp_md *ctx)
{
    struct buffer buffer = {};

    return first(&buffer) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
