#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u8 protocol;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(struct key));
	__uint(value_size, 8);
} flows SEC(".maps");

SEC("socket")
int known(struct __sk_buff *skb)
{
	struct key key;

	key.protocol = skb->protocol;
	key.port = skb->ifindex;
	return bpf_map_lookup_elem(&flows, &key) ? skb->len : 0;
}

char _license[] SEC("license") = "GPL";
