#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define private(name) SEC(".bss." #name) __hidden __attribute__((aligned(8)))
#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))
extern void bpf_obj_drop_impl(void *kptr, void *meta) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
struct item { struct bpf_rb_node node; u64 value; };
private(A) struct bpf_spin_lock lock;
private(A) struct bpf_rb_root root __contains(item, node);
u64 smallest;
struct item *seen;

SEC("tc")
int drain(struct __sk_buff *skb)
{
    struct bpf_rb_node *node;
    struct item *item;

    bpf_spin_lock(&lock);
    node = bpf_rbtree_first(&root);
    if (!node) {
        bpf_spin_unlock(&lock);
        return 0;
    }
    node = bpf_rbtree_remove(&root, node);
    bpf_spin_unlock(&lock);
    if (!node)
        return 0;
    item = container_of(node, struct item, node);
    smallest = item->value;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
