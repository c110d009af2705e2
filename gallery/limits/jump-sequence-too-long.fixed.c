#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long count(__u32 i, int *ones)
{
	if (bpf_get_prandom_u32() & 1)
		*ones += 1;
	return 0;
}

SEC("xdp")
int count_ones(struct xdp_md *ctx)
{
	int ones = 0;

	bpf_loop(10000, count, &ones, 0);
	return ones > 5000 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
