#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#ifndef AF_INET6
#define AF_INET6 10
#endif

SEC("tc")
int only_v6(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (sk->family == AF_INET6)
		return TC_ACT_OK;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
