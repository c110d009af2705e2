#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile int limit = 10;

SEC("xdp")
int lower(struct xdp_md *ctx)
{
	*(volatile int *)&limit = 5;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
