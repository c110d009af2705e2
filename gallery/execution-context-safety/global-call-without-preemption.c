#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;

__attribute__((noinline)) int twice(int number)
{
	return number * 2;
}

SEC("tc")
int check(struct __sk_buff *skb)
{
	int result;

	bpf_preempt_disable();
	result = twice(skb->len);
	bpf_preempt_enable();
	return result > 1000 ? 2 : 0;
}

char _license[] SEC("license") = "GPL";
