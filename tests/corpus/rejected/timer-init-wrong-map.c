#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct entry { struct bpf_timer timer; u64 hits; };
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 128);
    __type(key, u32);
    __type(value, struct entry);
} entries SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 128);
    __type(key, u32);
    __type(value, struct entry);
} others SEC(".maps");

SEC("tc")
int arm(struct __sk_buff *skb)
{
    u32 key = skb->ifindex;
    struct entry *e = bpf_map_lookup_elem(&entries, &key);

    if (!e)
        return 0;
    bpf_timer_init(&e->timer, &others, 1);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
