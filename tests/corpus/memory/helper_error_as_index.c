// The error of a helper is used as an index.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct name {
    char text[64];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, struct name);
} names SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int prog(long *ctx)
{
    __u32 key = 0;
    struct name *n = bpf_map_lookup_elem(&names, &key);
    if (!n)
        return 0;
    long length = bpf_probe_read_user_str(n->text, sizeof(n->text), (void *)ctx[3]);
    if (length < 64)
        n->text[length] = 0;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
