#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

SEC("tc")
int first(struct __sk_buff *skb)
{
    struct bpf_rb_root tree = {};

    return bpf_rbtree_first(&tree) != NULL;
}

char _license[] SEC("license") = "GPL";
