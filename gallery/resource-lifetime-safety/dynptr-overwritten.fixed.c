#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int overwrite(struct xdp_md *ctx)
{
    struct bpf_dynptr ptr;

    bpf_ringbuf_reserve_dynptr(&events, 64, 0, &ptr);
    bpf_ringbuf_submit_dynptr(&ptr, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
