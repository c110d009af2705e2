#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} offsets SEC(".maps");

SEC("xdp")
int read_at(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 key = 0;
	__u64 *offset = bpf_map_lookup_elem(&offsets, &key);

	if (!offset)
		return XDP_PASS;
	data += *offset;
	if ((void *)(data + 1) > data_end)
		return XDP_PASS;
	return *data ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
