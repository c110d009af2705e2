#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u8[64]);
    __uint(max_entries, 1);
} bytes SEC(".maps");

SEC("xdp")
int pick(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    __u32 zero = 0;
    __u8 *cells = bpf_map_lookup_elem(&bytes, &zero);
    __u32 len;

    if (!cells)
        return XDP_PASS;
    if ((void *)(eth + 1) > data_end)
        return XDP_PASS;
    len = ctx->rx_queue_index;
    __u32 copy = len * 2;
    if (copy < 128)
        cells[len] = 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
