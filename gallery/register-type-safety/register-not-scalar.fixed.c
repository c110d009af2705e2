#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tc")
int stop(struct __sk_buff *skb)
{
	if (skb->len < 14)
		bpf_throw(skb->len);
	return 0;
}

char _license[] SEC("license") = "GPL";
