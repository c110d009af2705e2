#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/tcp_v4_rcv")
int BPF_PROG(received, struct sk_buff *skb)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
