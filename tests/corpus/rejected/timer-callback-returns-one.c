#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct entry { struct bpf_timer timer; u64 hits; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, u32);
    __type(value, struct entry);
} entries SEC(".maps");

static int expired(void *map, u32 *key, struct entry *e)
{
    e->hits++;
    bpf_timer_start(&e->timer, 1000000, 0);
    return 1;
}

SEC("tc")
int arm2(struct __sk_buff *skb)
{
    u32 zero = 0;
    struct entry *e = bpf_map_lookup_elem(&entries, &zero);

    if (!e)
        return 0;
    bpf_timer_init(&e->timer, &entries, 1);
    bpf_timer_set_callback(&e->timer, expired);
    bpf_timer_start(&e->timer, 1000000, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
