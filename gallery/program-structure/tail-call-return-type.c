#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, __u32);
} programs SEC(".maps");

static __attribute__((noinline)) void jump(struct xdp_md *ctx)
{
    bpf_tail_call(ctx, &programs, 0);
}

SEC("xdp")
int start(struct xdp_md *ctx)
{
    jump(ctx);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
