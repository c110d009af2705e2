#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u64);
    __type(value, __u64);
} last SEC(".maps");

SEC("xdp")
int remember(struct xdp_md *ctx)
{
    __u64 *key = bpf_ringbuf_reserve(&events, sizeof(*key), 0);
    if (!key)
        return XDP_PASS;
    __u64 *value = bpf_ringbuf_reserve(&events, sizeof(*value), 0);
    if (!value) {
        bpf_ringbuf_discard(key, 0);
        return XDP_PASS;
    }
    *key = ctx->rx_queue_index;
    *value = bpf_ktime_get_ns();

    bpf_map_update_elem(&last, key, value, BPF_ANY);
    bpf_ringbuf_submit(key, 0);
    bpf_ringbuf_submit(value, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
