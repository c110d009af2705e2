#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int received(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct bpf_tcp_sock *tp;

	if (!sk)
		return 0;
	tp = bpf_tcp_sock(sk);
	if (!tp)
		return 0;
	return *(volatile __u64 *)&tp->bytes_received >> 32;
}

char _license[] SEC("license") = "GPL";
