#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	int *word = data;

	if (data + sizeof(*word) > end)
		return XDP_PASS;
	*word += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
