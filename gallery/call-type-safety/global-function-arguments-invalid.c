#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct item {
    __u64 value;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct item);
} items SEC(".maps");

__noinline int look(struct item *item __arg_nonnull)
{
    return item->value != 0;
}

SEC("xdp")
int check(struct xdp_md *ctx)
{
    __u32 zero = 0;
    struct item *item = bpf_map_lookup_elem(&items, &zero);

    return look(item) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
