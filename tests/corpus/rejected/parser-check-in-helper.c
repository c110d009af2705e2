#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

static __always_inline int fits(void *p, __u32 len, void *end)
{
	return !(p + len > end);
}

SEC("xdp")
int dns_only(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	void *p = (void *)(long)ctx->data;
	struct ethhdr *eth = p;
	struct iphdr *ip = p + sizeof(*eth);
	struct udphdr *udp = (void *)(ip + 1);

	if (!fits(p, sizeof(*eth) + sizeof(*ip), end))
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if (udp->dest != bpf_htons(53))
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
