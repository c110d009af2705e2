#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} proto_map SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
    __uint(max_entries, 64);
    __type(key, __u32);
    __array(values, struct inner);
} outer SEC(".maps");

SEC("tc")
int insert(struct __sk_buff *skb)
{
    __u32 key = skb->ifindex;

    if (!bpf_map_lookup_elem(&outer, &key))
        bpf_map_update_elem(&outer, &key, &proto_map, BPF_ANY);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
