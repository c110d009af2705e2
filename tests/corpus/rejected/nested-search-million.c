#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rules {
	__u32 port[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, struct rules);
} rules SEC(".maps");

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	__u32 found = 0;

	for (__u32 i = 0; i < 512; i++) {
		struct rules *r = bpf_map_lookup_elem(&rules, &i);

		if (!r)
			continue;
		for (__u32 j = 0; j < 256; j++) {
			if (r->port[j] == ctx->rx_queue_index)
				found++;
		}
	}
	return found ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
