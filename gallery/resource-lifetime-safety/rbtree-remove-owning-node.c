#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct item {
    struct bpf_rb_node node;
    __u64 key;
};

struct bpf_spin_lock lock SEC(".bss.tree") __hidden;
struct bpf_rb_root tree SEC(".bss.tree") __hidden __attribute__((btf_decl_tag("contains:item:node")));

SEC("tc")
int take(struct __sk_buff *skb)
{
    struct item *item = bpf_obj_new_impl(bpf_core_type_id_local(struct item), NULL);
    struct bpf_rb_node *node;

    if (!item)
        return 0;
    bpf_spin_lock(&lock);
    node = bpf_rbtree_remove(&tree, &item->node);
    bpf_spin_unlock(&lock);
    if (node)
        bpf_obj_drop_impl(node, NULL);
    return 0;
}

char _license[] SEC("license") = "GPL";
