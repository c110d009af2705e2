#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long used(__u32 index, void *context)
{
	return 0;
}

SEC("xdp")
int load_address(struct xdp_md *ctx)
{
	bpf_loop(1, used, 0, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
