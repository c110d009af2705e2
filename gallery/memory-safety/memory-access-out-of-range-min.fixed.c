#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32[4]);
} totals SEC(".maps");

SEC("xdp")
int total(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u32 *value = bpf_map_lookup_elem(&totals, &zero);

	if (value)
		value[3] += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
