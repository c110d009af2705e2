#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct stat {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct stat);
} stats SEC(".maps");

SEC("xdp")
int account(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	struct stat *v, fresh = {};

	v = bpf_map_lookup_elem(&stats, &key);
	if (!v) {
		bpf_map_update_elem(&stats, &key, &fresh, BPF_NOEXIST);
		v = bpf_map_lookup_elem(&stats, &key);
	}
	v->packets++;
	v->bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
