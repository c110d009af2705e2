#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct ev { __u16 kind; __u32 value; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct ev); } evs SEC(".maps");

SEC("socket")
int e(struct __sk_buff *skb)
{
	struct ev v;
	__u32 z = 0;

	v.kind = 1;
	v.value = skb->len;
	bpf_map_update_elem(&evs, &z, &v, BPF_ANY);
	return 0;
}
char _license[] SEC("license") = "GPL";
