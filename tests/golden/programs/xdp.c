// XDP: packets, map values, bounds that are there and bounds that are not.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct flow {
	__u32 src, dst;
	__u16 sport, dport;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, __u64);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64[4]);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} total SEC(".maps");

SEC("xdp")
int flow_count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip;
	struct udphdr *udp;
	struct flow key = {};
	__u64 one = 1, *n;

	if ((void *)(eth + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > end || ip->ihl < 5)
		return XDP_PASS;
	udp = (void *)ip + ip->ihl * 4;
	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	key.src = ip->saddr;
	key.dst = ip->daddr;
	key.sport = udp->source;
	key.dport = udp->dest;
	n = bpf_map_lookup_elem(&flows, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&flows, &key, &one, BPF_NOEXIST);
	return XDP_PASS;
}

SEC("xdp")
int no_bounds(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	return eth->h_proto == bpf_htons(ETH_P_ARP) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int short_bounds(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return XDP_PASS;
	return ((__u8 *)data)[14] & 3;
}

SEC("xdp")
int variable_index(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 key = 0;
	__u64 *slot;

	if (data + 1 > end)
		return XDP_PASS;
	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return XDP_ABORTED;
	slot[*(__u8 *)data & 3] += 1;
	return XDP_PASS;
}

SEC("xdp")
int variable_index_too_far(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 key = 0;
	__u64 *slot;

	if (data + 1 > end)
		return XDP_PASS;
	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return XDP_ABORTED;
	slot[*(__u8 *)data & 7] += 1;
	return XDP_PASS;
}

SEC("xdp")
int may_be_null(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *n = bpf_map_lookup_elem(&total, &key);

	*n += 1;
	return XDP_PASS;
}

SEC("xdp")
int options_loop(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 sum = 0;

	for (int i = 0; i < 12; i++) {
		if (data + i + 1 > end)
			break;
		sum += ((__u8 *)data)[i];
	}
	return sum & 1 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int shrink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 34 > end)
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, 14))
		return XDP_ABORTED;
	return *(__u8 *)data;
}

char LICENSE[] SEC("license") = "GPL";
