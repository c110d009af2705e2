#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct conf {
	__u32 at;
	__u8 bytes[100];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct conf);
} confs SEC(".maps");

SEC("xdp")
int pick_byte(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct conf *c = bpf_map_lookup_elem(&confs, &zero);

	if (!c)
		return XDP_PASS;
	if (c->at >= sizeof(c->bytes))
		return XDP_PASS;
	bpf_printk("at %d", c->at);
	return c->bytes[c->at] ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
