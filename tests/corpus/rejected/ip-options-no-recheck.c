#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define CHECK(ptr, end) if ((void *)((ptr) + 1) > (end)) return XDP_PASS

SEC("xdp")
int no_syn(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip;
	struct tcphdr *tcp;

	CHECK(eth, end);
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = (struct iphdr *)(eth + 1);
	CHECK(ip, end);
	if (ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	tcp = (void *)ip + ip->ihl * 4;
	if (tcp->syn && !tcp->ack)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
