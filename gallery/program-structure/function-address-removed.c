#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static int unused(void)
{
	return 0;
}

SEC("xdp")
int load_address(struct xdp_md *ctx)
{
	asm volatile("" : : "r"(unused));
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
