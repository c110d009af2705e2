#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;

struct bpf_iter_num global;

SEC("xdp")
int loop(struct xdp_md *ctx)
{
    bpf_iter_num_new(&global, 0, 10);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
