#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct item {
    struct bpf_rb_node node;
    __u64 key;
};

struct bpf_spin_lock lock SEC(".bss.tree") __hidden;
struct bpf_rb_root tree SEC(".bss.tree") __hidden __attribute__((btf_decl_tag("contains:item:node")));

static __noinline __u64 key_of(struct item *item)
{
    return item->key;
}

SEC("tc")
int first(struct __sk_buff *skb)
{
    struct item *item;
    __u64 key = 0;

    bpf_spin_lock(&lock);
    item = (struct item *)bpf_rbtree_first(&tree);
    if (item)
        key = key_of(item);
    bpf_spin_unlock(&lock);
    return key == 1;
}

char _license[] SEC("license") = "GPL";
