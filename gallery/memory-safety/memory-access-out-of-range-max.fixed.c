#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32[16]);
} counts SEC(".maps");

SEC("xdp")
int count_size(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u32 *bucket = bpf_map_lookup_elem(&counts, &zero);
	__u32 size = ctx->data_end - ctx->data;

	if (bucket && size / 64 < 16)
		bucket[size / 64]++;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
