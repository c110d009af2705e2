#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 slots[16];

SEC("tc")
int spread(struct __sk_buff *skb)
{
	__u32 i = skb->queue_mapping;

	if (i > 16)
		return 0;
	slots[i] += skb->len;
	return 0;
}
char _license[] SEC("license") = "GPL";
