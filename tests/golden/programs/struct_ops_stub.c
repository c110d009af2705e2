// An operation the kernel does not let programs implement.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("struct_ops")
unsigned long BPF_PROG(info, __u32 kind)
{
	return kind;
}

SEC(".struct_ops")
struct tcp_congestion_ops ours = {
	.get_info = (void *)info,
	.name = "ours",
};

char _license[] SEC("license") = "GPL";
