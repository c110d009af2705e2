#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int bump_id(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 *word = data + sizeof(struct ethhdr) + 4;

	if ((void *)(word + 1) > data_end)
		return XDP_PASS;
	__sync_fetch_and_add(word, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
