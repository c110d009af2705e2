#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct rule { __u32 from; __u32 to; __u32 action; __u32 hits; };
struct table { struct rule rules[16]; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct table);
} tables SEC(".maps");
#define MAX sizeof(struct table)

SEC("tc")
int pick2(struct __sk_buff *skb)
{
    __u32 zero = 0, at = skb->priority;
    struct table *t = bpf_map_lookup_elem(&tables, &zero);

    if (!t)
        return 0;
    if (at >= MAX)
        return 0;
    t->rules[at].hits++;
    return t->rules[at].action;
}

char LICENSE[] SEC("license") = "GPL";
