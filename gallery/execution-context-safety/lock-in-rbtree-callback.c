#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define __contains(kind, member) __attribute__((btf_decl_tag("contains:" #kind ":" #member)))
#define private(name) SEC(".data." #name) __hidden __attribute__((aligned(8)))
#define new(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), NULL))

extern void *bpf_obj_new_impl(__u64 local_type_id__k, void *meta__ign) __ksym;
extern void bpf_obj_drop_impl(void *p__alloc, void *meta__ign) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       bool (less)(struct bpf_rb_node *a, const struct bpf_rb_node *b),
			       void *meta__ign, __u64 off) __ksym;

struct item {
	long key;
	struct bpf_rb_node node;
};

private(A) struct bpf_spin_lock lock;
private(A) struct bpf_rb_root root __contains(item, node);

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	struct item *first = container_of(a, struct item, node);
	struct item *second = container_of(b, struct item, node);

	bpf_spin_unlock(&lock);
	bpf_spin_lock(&lock);
	return first->key < second->key;
}

SEC("tc")
int add(struct __sk_buff *skb)
{
	struct item *item = new(struct item);

	if (!item)
		return 0;
	item->key = skb->len;
	bpf_spin_lock(&lock);
	bpf_rbtree_add_impl(&root, &item->node, less, NULL, 0);
	bpf_spin_unlock(&lock);
	return 0;
}

char _license[] SEC("license") = "GPL";
