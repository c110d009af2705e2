#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("tc")
int ttl_one(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + ETH_HLEN;

	if (data + ETH_HLEN + sizeof(ip) <= data_end) {
		if (eth->h_proto == bpf_htons(ETH_P_IP) && ip->ttl == 1)
			return 2;
	}
	return 0;
}

char _license[] SEC("license") = "GPL";
