#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int wait(struct xdp_md *ctx)
{
	for (int i = 0; i < 600000; i++)
		asm volatile("");
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
