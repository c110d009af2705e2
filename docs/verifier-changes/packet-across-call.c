// A packet pointer is used after a call of a global function that changes the packet.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__attribute__((noinline)) int pull(struct __sk_buff *skb)
{
	return bpf_skb_pull_data(skb, 0);
}

SEC("tc") int stale_after_call(struct __sk_buff *skb)
{
	int *data = (void *)(long)skb->data;

	if ((void *)(data + 1) > (void *)(long)skb->data_end)
		return 0;
	pull(skb);
	return *data;
}

char LICENSE[] SEC("license") = "GPL";
