#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct ports {
	__u32 hits[1024];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ports);
} low_ports SEC(".maps");

static __always_inline void count_port(__u16 port)
{
	__u32 zero = 0;
	struct ports *p = bpf_map_lookup_elem(&low_ports, &zero);

	if (p)
		p->hits[port]++;
}

SEC("xdp")
int low(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct udphdr *udp = data + sizeof(struct ethhdr) + sizeof(struct iphdr);
	__u16 port;

	if ((void *)(udp + 1) > data_end)
		return XDP_PASS;
	port = bpf_ntohs(udp->dest);
	if (port > 1024)
		return XDP_PASS;
	count_port(port);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
