#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

extern void bpf_throw(__u64 cookie) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} next SEC(".maps");

const volatile int go_on = 0;

__attribute__((noinline)) int drop(__u64 cookie)
{
	if (go_on)
		bpf_tail_call((void *)cookie, &next, 0);
	return 2;
}

SEC("tc")
__exception_cb(drop)
int check(struct __sk_buff *skb)
{
	if (skb->len < 60)
		bpf_throw(1);
	return 0;
}

char _license[] SEC("license") = "GPL";
