#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("lsm/socket_connect")
int BPF_PROG(no_connect, struct socket *sock, struct sockaddr *address, int addrlen)
{
	if (addrlen > 28)
		return 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
