#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int add_up(struct xdp_md *ctx)
{
	__u64 sum = 0;

	for (int i = 0; i < 200000; i++)
		sum += bpf_get_prandom_u32() % (i + 1);
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
