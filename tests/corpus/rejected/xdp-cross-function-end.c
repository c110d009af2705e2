#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

static __noinline int have(struct xdp_md *ctx, __u32 bytes)
{
    return (__u64)ctx->data + bytes <= (__u64)ctx->data_end;
}

SEC("xdp")
int parse_two(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    struct udphdr *udp = data + 34;

    if (!have(ctx, 42))
        return XDP_DROP;
    return udp->dest == bpf_htons(4789) ? XDP_TX : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
