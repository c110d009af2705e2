#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int tiny(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 len = data_end - data;
	struct iphdr *ip = data + sizeof(struct ethhdr);

	if (len < sizeof(struct ethhdr) + sizeof(struct iphdr))
		return XDP_DROP;
	return ip->ttl < 2 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
