#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tc")
int read(struct __sk_buff *skb)
{
    struct bpf_dynptr ptr;
    char buffer[16];
    char *bytes;

    bpf_dynptr_from_skb(skb, 0, &ptr);
    bytes = bpf_dynptr_slice(&ptr, 0, buffer, 64);
    return bytes ? bytes[0] & 1 : 0;
}

char _license[] SEC("license") = "GPL";
