#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

SEC("tc")
int report(struct __sk_buff *skb)
{
	__u32 *record = bpf_ringbuf_reserve(&records, skb->len, 0);

	if (!record)
		return 0;
	*record = skb->ifindex;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
