#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int wait(struct xdp_md *ctx)
{
	volatile int ready = 0;

	while (!ready)
		;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
