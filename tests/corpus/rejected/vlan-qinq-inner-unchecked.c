#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct vlan_tag {
    __be16 h_vlan_TCI;
    __be16 h_vlan_encapsulated_proto;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, __u16);
    __type(value, __u64);
} per_vlan SEC(".maps");

SEC("xdp")
int strip(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct vlan_tag *outer, *inner;
    __u16 id;
    __u64 *count;

    if ((void *)(eth + 1) > data_end)
        return XDP_DROP;
    if (eth->h_proto != bpf_htons(0x88a8))
        return XDP_PASS;
    outer = (void *)(eth + 1);
    if ((void *)(outer + 1) > data_end)
        return XDP_DROP;
    id = bpf_ntohs(outer->h_vlan_TCI) & 0xfff;
    if (outer->h_vlan_encapsulated_proto == bpf_htons(0x8100)) {
        inner = outer + 1;
        id = bpf_ntohs(inner->h_vlan_TCI) & 0xfff;
    }
    count = bpf_map_lookup_elem(&per_vlan, &id);
    if (count)
        __sync_fetch_and_add(count, 1);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
