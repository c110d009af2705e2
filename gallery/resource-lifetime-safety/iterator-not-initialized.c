#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;

SEC("xdp")
int loop(struct xdp_md *ctx)
{
    struct bpf_iter_num it;

    bpf_iter_num_next(&it);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
