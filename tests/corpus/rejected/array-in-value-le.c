#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct row { __u32 n; __u32 col[10]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, struct row); } rows SEC(".maps");

SEC("xdp")
int total(struct xdp_md *ctx)
{
	__u32 k = ctx->rx_queue_index, t = 0;
	struct row *r = bpf_map_lookup_elem(&rows, &k);

	if (!r)
		return XDP_PASS;
	for (int i = 0; i <= 10; i++)
		t += r->col[i];
	return t ? XDP_DROP : XDP_PASS;
}
char _license[] SEC("license") = "GPL";
