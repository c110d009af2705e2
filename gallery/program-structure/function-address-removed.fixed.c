#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int twice(int number)
{
	return number + bpf_get_prandom_u32();
}

SEC("xdp")
int load_address(struct xdp_md *ctx)
{
	int number = twice(ctx->rx_queue_index);

	return number;
}

char _license[] SEC("license") = "GPL";
