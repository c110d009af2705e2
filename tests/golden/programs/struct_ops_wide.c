// A write past the field it starts at.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("struct_ops")
__u32 BPF_PROG(wide, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	*(volatile __u64 *)&tp->snd_cwnd = 1;
	return 2;
}

SEC(".struct_ops")
struct tcp_congestion_ops ours = {
	.ssthresh = (void *)wide,
	.name = "ours",
};

char _license[] SEC("license") = "GPL";
