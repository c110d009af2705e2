#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

__u32 cells[1000];

SEC("xdp")
int grid(struct xdp_md *ctx)
{
    __u32 row = ctx->rx_queue_index, col = ctx->ingress_ifindex;

    if (row > 25)
        return XDP_PASS;
    if (col >= 40)
        return XDP_PASS;
    cells[row * 40 + col]++;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
