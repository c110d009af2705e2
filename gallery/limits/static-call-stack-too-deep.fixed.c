#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define FUNCTION(name, next) \
	__attribute__((noinline)) int name(int number) { return next(number) + number; }

__attribute__((noinline)) int f8(int number)
{
	return bpf_get_prandom_u32() + number;
}

FUNCTION(f7, f8)
FUNCTION(f6, f7)
FUNCTION(f5, f6)
FUNCTION(f4, f5)
FUNCTION(f3, f4)
FUNCTION(f2, f3)

SEC("xdp")
int call(struct xdp_md *ctx)
{
	return f2(ctx->rx_queue_index) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
