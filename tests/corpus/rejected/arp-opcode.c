#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_arp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int arp_only(struct xdp_md *ctx)
{
	void *end = (void *)(unsigned long)ctx->data_end;
	struct ethhdr *eth = (void *)(unsigned long)ctx->data;
	struct arphdr *arp;

	if ((void *)eth + sizeof(*eth) > end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_ARP))
		return XDP_PASS;
	arp = (void *)eth + sizeof(*eth);
	return arp->ar_op == bpf_htons(1) ? XDP_DROP : XDP_PASS;
}
char _license[] SEC("license") = "GPL";
