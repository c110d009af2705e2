#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

SEC("tc")
int check(struct __sk_buff *skb)
{
	bpf_rcu_read_lock();
	if (skb->len < 60)
		return 2;
	bpf_rcu_read_unlock();
	return 0;
}

char _license[] SEC("license") = "GPL";
