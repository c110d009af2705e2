#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

SEC("tc")
int report(struct __sk_buff *skb)
{
	char start[128] = {};

	bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU, start, skb->len);
	return 0;
}

char _license[] SEC("license") = "GPL";
