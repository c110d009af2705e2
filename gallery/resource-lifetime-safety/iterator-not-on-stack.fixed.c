#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

SEC("xdp")
int loop(struct xdp_md *ctx)
{
    struct bpf_iter_num it;

    bpf_iter_num_new(&it, 0, 10);
    bpf_iter_num_destroy(&it);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
