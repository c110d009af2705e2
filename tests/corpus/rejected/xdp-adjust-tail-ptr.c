#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int trim(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	int len = data_end - data;

	if (data + sizeof(*eth) > data_end)
		return XDP_DROP;
	if (len > 128 && bpf_xdp_adjust_tail(ctx, 128 - len))
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
