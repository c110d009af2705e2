#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct info {
	__u64 packets;
	__u64 bytes;
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, struct info);
} infos SEC(".maps");

SEC("socket")
int first_seen(struct __sk_buff *skb)
{
	__u32 proto = skb->protocol;
	struct info *old, fresh;

	old = bpf_map_lookup_elem(&infos, &proto);
	if (old) {
		old->packets++;
		old->bytes += skb->len;
		return skb->len;
	}
	fresh.packets = 1;
	fresh.bytes = skb->len;
	bpf_map_update_elem(&infos, &proto, &fresh, BPF_ANY);
	return skb->len;
}

char _license[] SEC("license") = "GPL";
