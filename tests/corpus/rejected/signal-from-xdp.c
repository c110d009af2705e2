#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int kill_it(struct xdp_md *ctx)
{
    if (ctx->rx_queue_index > 8)
        bpf_send_signal(9);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
