#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");

SEC("tc")
int first(struct __sk_buff *skb)
{
	int byte;

	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	byte = load_byte(skb, 0);
	return byte ? 0 : 2;
}

char _license[] SEC("license") = "GPL";
