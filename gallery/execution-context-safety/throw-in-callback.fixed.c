#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern void bpf_throw(__u64 cookie) __ksym;

static int look(__u32 index, void *data)
{
	return index == 5;
}

SEC("tc")
int find(struct __sk_buff *skb)
{
	if (bpf_loop(10, look, NULL, 0) < 10)
		bpf_throw(1);
	return 0;
}

char _license[] SEC("license") = "GPL";
