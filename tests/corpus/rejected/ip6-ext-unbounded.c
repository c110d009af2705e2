#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int skip_ext(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip6 = data + sizeof(struct ethhdr);
	struct ipv6_opt_hdr *opt;
	__u32 off = sizeof(struct ethhdr) + sizeof(*ip6);
	__u8 next;

	if ((void *)(ip6 + 1) > data_end)
		return XDP_PASS;
	next = ip6->nexthdr;
	for (int i = 0; i < 40; i++) {
		if (next != 0 && next != 43 && next != 60)
			break;
		opt = data + off;
		if ((void *)(opt + 1) > data_end)
			return XDP_DROP;
		next = opt->nexthdr;
		off += (opt->hdrlen + 1) * 8;
	}
	if (next == IPPROTO_ICMPV6)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
