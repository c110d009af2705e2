#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct bpf_dynptr ptr;

SEC("tc")
int size(struct __sk_buff *skb)
{
    return bpf_dynptr_size(&ptr) > 100;
}

char _license[] SEC("license") = "GPL";
