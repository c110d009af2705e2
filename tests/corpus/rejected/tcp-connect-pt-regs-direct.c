#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct conn {
    u32 pid;
    u32 daddr;
    u16 dport;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(u32));
} conns SEC(".maps");

SEC("kprobe/tcp_connect")
int on_connect(struct pt_regs *ctx)
{
    struct sock *sk = (struct sock *)PT_REGS_PARM1(ctx);
    struct conn c = {};

    c.pid = bpf_get_current_pid_tgid() >> 32;
    c.daddr = sk->__sk_common.skc_daddr;
    c.dport = BPF_CORE_READ(sk, __sk_common.skc_dport);
    bpf_perf_event_output(ctx, &conns, BPF_F_CURRENT_CPU, &c, sizeof(c));
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
