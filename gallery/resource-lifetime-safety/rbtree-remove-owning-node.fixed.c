#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct item {
    struct bpf_rb_node node;
    __u64 key;
};

struct bpf_spin_lock lock SEC(".bss.tree") __hidden;
struct bpf_rb_root tree SEC(".bss.tree") __hidden __attribute__((btf_decl_tag("contains:item:node")));

static __noinline void drop(struct item *item)
{
    bpf_obj_drop_impl(item, NULL);
}

SEC("tc")
int take(struct __sk_buff *skb)
{
    struct bpf_rb_node *node;
    struct item *item = NULL;

    bpf_spin_lock(&lock);
    node = bpf_rbtree_first(&tree);
    if (node)
        item = (struct item *)bpf_rbtree_remove(&tree, node);
    bpf_spin_unlock(&lock);
    if (item)
        drop(item);
    return 0;
}

char _license[] SEC("license") = "GPL";
