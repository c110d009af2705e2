#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct ctx_t { u32 at; u64 sum; u64 values[8]; };

static int add(u32 i, struct ctx_t *c)
{
    if (c->at > 8)
        return 1;
    c->sum += c->values[c->at];
    c->at++;
    return 0;
}

SEC("tc")
int sum_callback(struct __sk_buff *skb)
{
    struct ctx_t c = {};

    c.at = skb->mark;
    c.values[0] = skb->len;
    bpf_loop(8, add, &c, 0);
    return c.sum > 100;
}

char LICENSE[] SEC("license") = "GPL";
