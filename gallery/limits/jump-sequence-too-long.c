#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int count_ones(struct xdp_md *ctx)
{
	volatile int ones = 0;

	for (int i = 0; i < 10000; i++)
		if (bpf_get_prandom_u32() & 1)
			ones++;
	return ones > 5000 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
