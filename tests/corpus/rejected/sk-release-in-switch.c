#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("tc")
int steer(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {
		.ipv4 = { .daddr = bpf_htonl(0x7f000001), .dport = bpf_htons(53) },
	};
	struct bpf_sock *sk = bpf_sk_lookup_udp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	int act = TC_ACT_OK;

	if (!sk)
		return act;
	switch (sk->family) {
	case 2:
		act = TC_ACT_SHOT;
		break;
	case 10:
		return TC_ACT_SHOT;
	default:
		break;
	}
	bpf_sk_release(sk);
	return act;
}

char _license[] SEC("license") = "GPL";
