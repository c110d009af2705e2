#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long add(__u32 i, __u64 *sum)
{
	*sum += bpf_get_prandom_u32() % (i + 1);
	return 0;
}

SEC("xdp")
int add_up(struct xdp_md *ctx)
{
	__u64 sum = 0;

	bpf_loop(200000, add, &sum, 0);
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
