#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ROUNDS 100
#define CELLS 32

struct state {
    __u32 seed;
    __u32 sum;
};

__u32 table[CELLS];

static long step(__u32 i, void *data)
{
    struct state *s = data;
    __u32 at = (s->seed + i) & (CELLS - 1);

    s->sum += table[at];
    return 0;
}

SEC("xdp")
int add_up(struct xdp_md *ctx)
{
    struct state s = {.seed = ctx->rx_queue_index};

    bpf_loop(ROUNDS, step, &s, 0);
    return s.sum & 1 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
