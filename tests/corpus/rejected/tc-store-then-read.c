#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define TCP_OFF (ETH_HLEN + sizeof(struct iphdr))

SEC("tc")
int dnat(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct iphdr *iph = data + ETH_HLEN;
	struct tcphdr *tcp = data + TCP_OFF;
	__be16 port = bpf_htons(8080), old;

	if ((void *)(tcp + 1) > data_end)
		return TC_ACT_OK;
	if (iph->protocol != 6)
		return TC_ACT_OK;
	old = tcp->dest;
	bpf_l4_csum_replace(skb, TCP_OFF + offsetof(struct tcphdr, check), old, port, 2);
	tcp->dest = port;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
