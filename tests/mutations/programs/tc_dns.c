#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <linux/udp.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define NAME 32

struct query {
    __u32 saddr;
    __u32 len;
    char name[NAME];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, sizeof(int));
    __uint(value_size, sizeof(int));
} queries SEC(".maps");

SEC("tc")
int watch_dns(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data;
    void *data_end = (void *)(long)skb->data_end;
    struct ethhdr *eth = data;
    struct query q = {};

    if ((void *)(eth + 1) > data_end)
        return TC_ACT_OK;

    struct iphdr *ip = (void *)(eth + 1);

    if ((void *)(ip + 1) > data_end)
        return TC_ACT_OK;
    if (ip->protocol != IPPROTO_UDP)
        return TC_ACT_OK;

    struct udphdr *udp = (void *)(ip + 1);

    if ((void *)(udp + 1) > data_end)
        return TC_ACT_OK;
    if (udp->dest != bpf_htons(53))
        return TC_ACT_OK;

    __u32 len = bpf_ntohs(udp->len) & (NAME - 1);

    if (len == 0)
        return TC_ACT_OK;
    q.saddr = ip->saddr;
    q.len = len;
    if (bpf_skb_load_bytes(skb, 54, q.name, len) < 0)
        return TC_ACT_OK;
    bpf_perf_event_output(skb, &queries, BPF_F_CURRENT_CPU, &q, sizeof(q));
    return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
