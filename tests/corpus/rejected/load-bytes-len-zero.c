#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct sample {
	__u32 len;
	__u8 bytes[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} samples SEC(".maps");

SEC("tc")
int sample_packet(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct sample *s = bpf_map_lookup_elem(&scratch, &zero);
	__u32 n = skb->len;

	if (!s)
		return TC_ACT_OK;
	if (n > sizeof(s->bytes))
		n = sizeof(s->bytes);
	s->len = n;
	if (bpf_skb_load_bytes(skb, 0, s->bytes, n) < 0)
		return TC_ACT_OK;
	bpf_perf_event_output(skb, &samples, BPF_F_CURRENT_CPU, s, sizeof(*s));
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
