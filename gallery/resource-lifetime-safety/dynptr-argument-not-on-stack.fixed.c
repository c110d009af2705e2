#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tc")
int size(struct __sk_buff *skb)
{
    struct bpf_dynptr ptr;

    bpf_dynptr_from_skb(skb, 0, &ptr);
    return bpf_dynptr_size(&ptr) > 100;
}

char _license[] SEC("license") = "GPL";
