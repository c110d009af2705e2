#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 27

struct hist {
    __u32 slots[SLOTS];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, __u32);
    __type(value, __u64);
} start SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct hist);
} hists SEC(".maps");

SEC("kretprobe/vfs_read")
int on_return(struct pt_regs *ctx)
{
    __u32 tid = (__u32)bpf_get_current_pid_tgid();
    __u32 zero = 0;
    __u64 *since = bpf_map_lookup_elem(&start, &tid);

    if (!since)
        return 0;

    __u64 delta = (bpf_ktime_get_ns() - *since) / 1000;
    struct hist *h = bpf_map_lookup_elem(&hists, &zero);

    if (!h)
        return 0;

    __u64 slot = delta >> 10;

    barrier_var(slot);
    if (slot >= SLOTS)
        return 0;
    h->slots[slot] += 1;
    bpf_map_delete_elem(&start, &tid);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
