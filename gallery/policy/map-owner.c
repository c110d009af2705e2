#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} next SEC(".maps");

SEC("xdp")
int incoming(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return XDP_PASS;
}

SEC("tc")
int outgoing(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &next, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
