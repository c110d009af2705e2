#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} limit SEC(".maps");

static __always_inline struct ipv6hdr *parse_ip6(struct ethhdr *eth, void *data_end)
{
    struct ipv6hdr *ip6 = (void *)(eth + 1);

    if ((void *)(ip6 + 1) > data_end)
        return 0;
    return ip6;
}

SEC("xdp")
int drop_low_hops(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    __u32 zero = 0;

    if ((void *)(eth + 1) > data_end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IPV6))
        return XDP_PASS;

    struct ipv6hdr *ip6 = parse_ip6(eth, data_end);

    if (!ip6)
        return XDP_PASS;

    __u32 *min = bpf_map_lookup_elem(&limit, &zero);

    if (!min)
        return XDP_PASS;
    return ip6->hop_limit < *min ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
