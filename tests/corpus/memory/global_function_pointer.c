// A global function uses a pointer argument that may be NULL.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pair {
    __u32 first, second;
};

__attribute__((noinline)) int sum(struct pair *p)
{
    return p->first + p->second;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    struct pair p = {ctx->rx_queue_index, 1};
    return sum(&p) & 1;
}

char LICENSE[] SEC("license") = "GPL";
