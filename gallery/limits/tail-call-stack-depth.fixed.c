#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} next SEC(".maps");

static __attribute__((noinline)) int go_on(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return XDP_PASS;
}

SEC("xdp")
int start(struct xdp_md *ctx)
{
	volatile char buffer[200] = {};

	return go_on(ctx) + buffer[ctx->rx_queue_index & 15];
}

char _license[] SEC("license") = "GPL";
