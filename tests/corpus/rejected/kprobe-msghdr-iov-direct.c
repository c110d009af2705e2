#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("kprobe/tcp_sendmsg")
int BPF_KPROBE(on_sendmsg, struct sock *sk, struct msghdr *msg, size_t size)
{
    u64 count = msg->msg_iter.count;

    if (count > 4096)
        bpf_printk("large send %llu", count);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
