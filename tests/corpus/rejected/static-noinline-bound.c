#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char text[64];

__noinline int put(__u32 at, char c)
{
	text[at] = c;
	return 0;
}

SEC("xdp")
int fill(struct xdp_md *ctx)
{
	__u32 at = ctx->rx_queue_index;

	if (at >= sizeof(text))
		return XDP_PASS;
	put(at, 'x');
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
