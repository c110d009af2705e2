#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

extern void bpf_throw(__u64 cookie) __ksym;

__attribute__((noinline)) int drop(__u64 cookie)
{
	return cookie ? 2 : 0;
}

SEC("tc")
__exception_cb(drop)
int check(struct __sk_buff *skb)
{
	if (skb->len < 60)
		bpf_throw(1);
	return drop(skb->mark);
}

char _license[] SEC("license") = "GPL";
