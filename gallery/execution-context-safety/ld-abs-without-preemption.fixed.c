#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");

SEC("tc")
int first(struct __sk_buff *skb)
{
	int byte;

	bpf_preempt_disable();
	bpf_preempt_enable();
	byte = load_byte(skb, 0);
	return byte ? 0 : 2;
}

char _license[] SEC("license") = "GPL";
