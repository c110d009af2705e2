#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct item {
    __u64 value;
};

__noinline int look(struct item *item __attribute__((btf_decl_tag("arg:notnull"))))
{
    return item->value != 0;
}

SEC("xdp")
int check(struct xdp_md *ctx)
{
    struct item item = {};

    return look(&item) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
