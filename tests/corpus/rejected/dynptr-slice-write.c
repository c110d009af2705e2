#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, u32 offset, void *buffer, u32 buffer__szk) __ksym;

SEC("tc")
int rewrite(struct __sk_buff *skb)
{
    struct bpf_dynptr ptr;
    struct iphdr buffer, *ip;

    bpf_dynptr_from_skb(skb, 0, &ptr);
    ip = bpf_dynptr_slice(&ptr, 14, &buffer, sizeof(buffer));
    if (!ip)
        return 0;
    ip->ttl = 64;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
