#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[64]);
} buffers SEC(".maps");

SEC("xdp")
int wrap(struct xdp_md *ctx)
{
	__u32 zero = 0;
	char *data = bpf_map_lookup_elem(&buffers, &zero);
	struct bpf_dynptr pointer;

	if (!data)
		return XDP_PASS;
	bpf_dynptr_from_mem(data, 64, 0, &pointer);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
