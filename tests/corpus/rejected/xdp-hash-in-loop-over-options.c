#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int walk(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    struct tcphdr *tcp = (void *)(ip + 1);
    __u8 *opt = (void *)(tcp + 1);
    int left;

    if ((void *)(tcp + 1) > data_end || ip->protocol != IPPROTO_TCP)
        return XDP_PASS;
    left = tcp->doff * 4 - 20;
    for (int i = 0; i < 10 && left > 0; i++) {
        __u8 kind, len;

        if ((void *)(opt + 1) > data_end)
            return XDP_DROP;
        kind = opt[0];
        if (kind == 0)
            break;
        if (kind == 1) {
            opt++;
            left--;
            continue;
        }
        len = opt[1];
        if (kind == 2)
            return XDP_TX;
        opt += len;
        left -= len;
    }
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
