#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int last_byte(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u8 *payload = (__u8 *)(udp + 1);
	__u16 len;

	if ((void *)(udp + 1) > data_end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	len = bpf_ntohs(udp->len);
	if (len < 8 || len > 512)
		return XDP_PASS;
	if (payload + len > (__u8 *)data_end)
		return XDP_PASS;
	if (payload[len] == 0xff)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
