#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct hdr_cursor {
	void *pos;
	void *end;
};

static __always_inline __u16 source_port(struct hdr_cursor *c)
{
	struct tcphdr *th = c->pos;

	return bpf_ntohs(th->source);
}

SEC("xdp")
int nat_parse(struct xdp_md *ctx)
{
	struct hdr_cursor c = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	struct ethhdr *eth = c.pos;
	struct iphdr *ip;

	if (c.pos + sizeof(*eth) > c.end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	c.pos += sizeof(*eth);
	ip = c.pos;
	if (c.pos + sizeof(*ip) > c.end)
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	c.pos += sizeof(*ip);
	if (source_port(&c) == 22)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
