#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

SEC("kprobe/tcp_set_state")
int watch_state(struct pt_regs *ctx)
{
	struct sock *sk = (struct sock *)PT_REGS_PARM1(ctx);
	int state = (int)PT_REGS_PARM2(ctx);

	if (state == TCP_ESTABLISHED && sk->__sk_common.skc_dport == bpf_htons(443))
		bpf_printk("https");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
