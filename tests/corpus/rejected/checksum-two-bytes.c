#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#define MAX_WORDS 700

SEC("xdp")
int checksum(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	__u16 *word = (void *)(long)ctx->data + ETH_HLEN;
	__u32 sum = 0;

	for (int i = 0; i < MAX_WORDS; i++) {
		if ((void *)word >= end)
			break;
		sum += *word++;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
