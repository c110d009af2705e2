#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int count_zeros(struct __sk_buff *skb)
{
	__u8 *p = (void *)(long)skb->data;
	__u8 *end = (void *)(long)skb->data_end;
	__u32 zeros = 0;

	for (__u32 i = 0; i < skb->len && i < 64; i++) {
		if (p[i] == 0)
			zeros++;
	}
	if (p + 1 > end)
		return TC_ACT_OK;
	skb->mark = zeros;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
