#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int percpu_out(struct xdp_md *ctx)
{
    int action;

    switch (ctx->rx_queue_index) {
    case 0:
        asm volatile("%0 = 2" : "=r"(action));
        break;
    case 1:
        asm volatile("%0 = 1" : "=r"(action));
        break;
    default:
        asm volatile("r6 = %0" :: "r"(ctx) : "r6");
        asm volatile("%0 = r7" : "=r"(action));
    }
    return action;
}

char LICENSE[] SEC("license") = "GPL";
