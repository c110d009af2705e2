#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <linux/pkt_cls.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u8);
    __type(value, __u32);
    __uint(max_entries, 256);
} first_bytes SEC(".maps");

SEC("tc")
int first_byte(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data;
    void *data_end = (void *)(long)skb->data_end;
    struct ethhdr *eth = data;
    struct iphdr *iph = data + sizeof(struct ethhdr);
    struct udphdr *udp = data + sizeof(struct ethhdr) + sizeof(struct iphdr);
    __u8 *payload = (__u8 *)(udp + 1);
    __u32 one = 1, *seen;
    __u8 first;

    if ((void *)(payload + 1) > data_end)
        return TC_ACT_OK;
    if (eth->h_proto != bpf_htons(ETH_P_IP) || iph->protocol != IPPROTO_UDP)
        return TC_ACT_OK;
    first = *payload;
    seen = bpf_map_lookup_elem(&first_bytes, &first);
    __sync_fetch_and_add(seen, 1);
    return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
