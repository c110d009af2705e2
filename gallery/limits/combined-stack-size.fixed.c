#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int inner(int number)
{
	volatile char buffer[150] = {};

	return buffer[number & 15];
}

SEC("xdp")
int outer(struct xdp_md *ctx)
{
	volatile char buffer[300] = {};

	return inner(ctx->rx_queue_index) + buffer[ctx->rx_queue_index & 15];
}

char _license[] SEC("license") = "GPL";
