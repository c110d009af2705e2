#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long wait_once(__u32 i, void *context)
{
	return 0;
}

SEC("xdp")
int wait(struct xdp_md *ctx)
{
	bpf_loop(600000, wait_once, 0, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
