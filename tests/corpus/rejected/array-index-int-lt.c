#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

__u64 table[64];
int cursor;

SEC("xdp")
int pick(struct xdp_md *ctx)
{
    int at = cursor;

    if (at < 64)
        return table[at] ? XDP_PASS : XDP_DROP;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
