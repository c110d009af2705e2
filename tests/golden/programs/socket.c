// Socket filters: narrow loads, legacy packet access, and no GPL.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int by_protocol(struct __sk_buff *skb)
{
	if ((__u8)skb->protocol == 8)
		return skb->len;
	return 0;
}

SEC("socket")
int store_to_ctx(struct __sk_buff *skb)
{
	skb->cb[0] = 7;
	skb->mark = 1;
	return 0;
}

SEC("socket")
int load_bytes(struct __sk_buff *skb)
{
	__u8 head[20];

	if (bpf_skb_load_bytes(skb, 14, head, sizeof(head)) < 0)
		return 0;
	return head[9] == 6 ? -1 : 0;
}

SEC("socket")
int wrong_helper(struct __sk_buff *skb)
{
	return bpf_skb_pull_data(skb, 14);
}

SEC("socket")
int pointer_leak(struct __sk_buff *skb)
{
	return (long)skb >> 3;
}

SEC("kprobe/do_nanosleep")
int needs_gpl(void *ctx)
{
	char buf[8];

	bpf_probe_read_kernel(buf, sizeof(buf), ctx);
	return buf[0];
}

char LICENSE[] SEC("license") = "Proprietary";
