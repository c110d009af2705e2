// A pointer out of a map is followed.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u64);
} pointers SEC(".maps");

SEC("kprobe/do_unlinkat")
int prog(void *ctx)
{
    __u32 key = 0;
    __u64 *p = bpf_map_lookup_elem(&pointers, &key);
    if (!p)
        return 0;
    return *(int *)*p;
}

char LICENSE[] SEC("license") = "GPL";
