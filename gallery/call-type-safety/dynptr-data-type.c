#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int wrap(struct xdp_md *ctx)
{
	char data[64] = {};
	struct bpf_dynptr pointer;

	bpf_dynptr_from_mem(data, sizeof(data), 0, &pointer);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
