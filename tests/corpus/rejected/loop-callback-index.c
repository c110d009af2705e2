#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 table[128];

struct sum {
	__u64 total;
};

static int add_one(__u32 i, struct sum *s)
{
	s->total += table[i];
	return 0;
}

SEC("xdp")
int total(struct xdp_md *ctx)
{
	struct sum s = {};

	bpf_loop(128, add_one, &s, 0);
	return s.total > 1000 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
