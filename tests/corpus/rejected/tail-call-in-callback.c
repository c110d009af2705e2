#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u32);
} stages SEC(".maps");

SEC("xdp")
int hop(struct xdp_md *ctx)
{
    __u32 at = ctx->rx_queue_index & 3;

    bpf_tail_call(ctx, &stages, at);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
