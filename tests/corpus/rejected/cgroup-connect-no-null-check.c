#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u32);
    __type(value, __u8);
    __uint(max_entries, 128);
} blocked SEC(".maps");

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
    __u32 ip = ctx->user_ip4;
    __u8 *rule = bpf_map_lookup_elem(&blocked, &ip);

    if (*rule)
        return 0;
    if (ctx->user_port == bpf_htons(25))
        return 0;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
