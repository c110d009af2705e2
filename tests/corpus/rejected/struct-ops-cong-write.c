#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("struct_ops/undo_cwnd")
u32 BPF_PROG(undo, struct sock *sk)
{
    sk->sk_priority = 3;
    return 10;
}

SEC("struct_ops/ssthresh")
u32 BPF_PROG(ssthresh, struct sock *sk)
{
    return 5;
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(avoid, struct sock *sk, u32 ack, u32 acked)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops slow = {
    .undo_cwnd = (void *)undo,
    .ssthresh = (void *)ssthresh,
    .cong_avoid = (void *)avoid,
    .name = "bpf_slow",
};

char LICENSE[] SEC("license") = "GPL";
