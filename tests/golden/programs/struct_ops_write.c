// A field of a socket that congestion control may not write. (An object holds one refused operation: libbpf loads all.)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("struct_ops")
__u32 BPF_PROG(writer, struct sock *sk)
{
	((struct tcp_sock *)sk)->rcv_nxt = 1;
	return 2;
}

SEC(".struct_ops")
struct tcp_congestion_ops ours = {
	.ssthresh = (void *)writer,
	.name = "ours",
};

char _license[] SEC("license") = "GPL";
