#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} events SEC(".maps");

SEC("xdp")
int send(struct xdp_md *ctx)
{
    __u64 now = bpf_ktime_get_ns();

    bpf_ringbuf_output(&events, &now, sizeof(now), 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
