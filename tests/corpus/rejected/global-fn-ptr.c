#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pair { __u32 a, b; };

__noinline int sum(struct pair *p)
{
	return p->a + p->b;
}

SEC("xdp")
int g(struct xdp_md *ctx)
{
	struct pair p = { ctx->rx_queue_index, ctx->ingress_ifindex };

	return sum(&p) & 1 ? XDP_DROP : XDP_PASS;
}
char _license[] SEC("license") = "GPL";
