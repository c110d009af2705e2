#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;

SEC("tc")
int check(struct __sk_buff *skb)
{
	if (skb->len > 60) {
		bpf_preempt_disable();
		bpf_preempt_enable();
	}
	return 0;
}

char _license[] SEC("license") = "GPL";
