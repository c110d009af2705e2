#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct vlan_hdr {
    __be16 tci;
    __be16 proto;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u64);
} priorities SEC(".maps");

SEC("xdp")
int count_priorities(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;

    if ((void *)(eth + 1) > data_end)
        return XDP_DROP;
    if (eth->h_proto != bpf_htons(ETH_P_8021Q))
        return XDP_PASS;

    struct vlan_hdr *vlan = (void *)(eth + 1);

    if ((void *)(vlan + 1) > data_end)
        return XDP_DROP;

    __u32 prio = bpf_ntohs(vlan->tci) >> 13;
    __u64 *n = bpf_map_lookup_elem(&priorities, &prio);

    if (!n)
        return XDP_ABORTED;
    *n += 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
