#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, 256);
    __type(key, __u8);
    __type(value, __u64);
} protos SEC(".maps");

SEC("socket")
int count_proto(struct __sk_buff *skb)
{
    __u8 proto = 0;
    __u64 one = 1, *count;

    bpf_skb_load_bytes(skb, ETH_HLEN + 9, &proto, 1);
    count = bpf_map_lookup_elem(&protos, &proto);
    if (!count)
        bpf_map_update_elem(&protos, &proto, &one, BPF_NOEXIST);
    *count += skb->len;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
