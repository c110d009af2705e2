#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pair {
    __u32 first, second;
};

__attribute__((noinline)) int sum(struct pair pair)
{
    return pair.first + pair.second;
}

SEC("xdp")
int add(struct xdp_md *ctx)
{
    struct pair pair = { ctx->rx_queue_index, ctx->ingress_ifindex };

    return sum(pair) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
