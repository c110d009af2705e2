#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int record(struct xdp_md *ctx)
{
    __u32 *event = bpf_ringbuf_reserve(&events, 2 * sizeof(*event), 0);

    if (!event)
        return XDP_PASS;
    event[0] = event[1] = ctx->ingress_ifindex;
    bpf_ringbuf_submit(event, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
