// More is copied into a map value than it has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct name {
    char text[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, struct name);
} names SEC(".maps");

SEC("kprobe/do_unlinkat")
int prog(long *ctx)
{
    __u32 key = 0;
    struct name *n = bpf_map_lookup_elem(&names, &key);
    if (!n)
        return 0;
    bpf_get_current_comm(n, sizeof(*n) + 4);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
