#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int sum(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    __u8 buf[64] = {};
    __u32 len;
    __s64 result;

    if ((void *)(ip + 1) > data_end)
        return XDP_DROP;
    len = bpf_ntohs(ip->tot_len) - ip->ihl * 4;
    if (bpf_xdp_load_bytes(ctx, 34, buf, 64))
        return XDP_PASS;
    result = bpf_csum_diff(0, 0, (__be32 *)buf, len & ~3, 0);
    return result < 0 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
