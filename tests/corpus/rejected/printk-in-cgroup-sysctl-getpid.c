#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int owner(struct __sk_buff *skb)
{
	char comm[16];

	if (bpf_probe_read_kernel(comm, sizeof(comm), (void *)(long)skb->data))
		return TC_ACT_OK;
	return comm[0] == 's' ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "BSD";
