#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int look(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 0;
	return sk->mark != 2;
}

char _license[] SEC("license") = "GPL";
