#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u64);
} operations SEC(".maps");

SEC("sockops")
int on_socket(struct bpf_sock_ops *ctx)
{
    __u32 op = ctx->op & 15;
    __u64 *n = bpf_map_lookup_elem(&operations, &op);

    if (!n)
        return 1;
    *n += 1;
    ctx->reply = -1;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
