#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct target {
    __u32 ip;
    __u32 port;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, struct target);
    __type(value, struct target);
} rewrites SEC(".maps");

SEC("cgroup/connect4")
int rewrite(struct bpf_sock_addr *ctx)
{
    struct target key = {.ip = ctx->user_ip4, .port = ctx->user_port};
    struct target *to = bpf_map_lookup_elem(&rewrites, &key);

    if (!to)
        return 1;
    if (to->port == 0)
        return 0;
    ctx->user_ip4 = to->ip;
    ctx->user_port = to->port;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
