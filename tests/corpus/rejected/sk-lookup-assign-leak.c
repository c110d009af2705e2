#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_SOCKMAP);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} servers SEC(".maps");

SEC("sk_lookup")
int steer(struct bpf_sk_lookup *ctx)
{
    __u32 at = ctx->local_port == 443;
    struct bpf_sock *sk;
    long err;

    sk = bpf_map_lookup_elem(&servers, &at);
    if (!sk)
        return SK_PASS;
    err = bpf_sk_assign(ctx, sk, 0);
    if (err)
        return SK_DROP;
    bpf_sk_release(sk);
    return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
