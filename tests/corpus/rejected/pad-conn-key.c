#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

struct conn {
	__u32 addr;
	__u16 port;
	__u8 proto;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct conn);
	__type(value, __u64);
} conns SEC(".maps");

SEC("socket")
int track(struct __sk_buff *skb)
{
	struct conn k;
	__u64 now = skb->len;

	k.addr = skb->mark;
	k.port = skb->queue_mapping;
	k.proto = IPPROTO_TCP;
	bpf_map_update_elem(&conns, &k, &now, BPF_ANY);
	return 0;
}

char _license[] SEC("license") = "GPL";
