#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("fexit/inet_csk_accept")
int BPF_PROG(on_socket, struct sock *sk, void *arg, struct sock *child)
{
    u64 cookie = bpf_get_socket_cookie((void *)child->sk_user_data);

    bpf_printk("cookie %llu", cookie);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
