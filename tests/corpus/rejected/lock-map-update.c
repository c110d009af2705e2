#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct v { struct bpf_spin_lock l; int n; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct v); } m SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, int); } h SEC(".maps");

SEC("tc")
int f(struct __sk_buff *skb)
{
	__u32 z = 0;
	int n;
	struct v *v = bpf_map_lookup_elem(&m, &z);

	if (!v)
		return 0;
	bpf_spin_lock(&v->l);
	n = ++v->n;
	bpf_map_update_elem(&h, &z, &n, 0);
	bpf_spin_unlock(&v->l);
	return 0;
}
char _license[] SEC("license") = "GPL";
