#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int copy(struct __sk_buff *skb)
{
	char buffer[64];
	unsigned int length = skb->len;

	if (length > sizeof(buffer))
		length = sizeof(buffer);
	if (length == 0)
		return 0;
	bpf_skb_load_bytes(skb, 0, buffer, length);
	return 0;
}

char _license[] SEC("license") = "GPL";
