#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 size) __ksym;

SEC("cgroup_skb/ingress")
int read_first(struct __sk_buff *skb)
{
    struct bpf_dynptr packet;
    char buffer[4];
    char *start;

    bpf_dynptr_from_skb(skb, 0, &packet);
    start = bpf_dynptr_slice(&packet, 0, buffer, sizeof(buffer));
    return start && start[0] == 0x45;
}

char _license[] SEC("license") = "GPL";
