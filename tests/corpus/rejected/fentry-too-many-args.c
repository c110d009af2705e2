#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("fentry/tcp_v4_connect")
int BPF_PROG(on_connect, struct sock *sk, struct sockaddr *addr, int len, int flags, int more)
{
    if (more)
        bpf_printk("flags %d", more);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
