#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define private(name) SEC(".bss." #name) __hidden __attribute__((aligned(8)))
#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))
extern void *bpf_obj_new_impl(u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *kptr, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, u64 off) __ksym;
struct item { struct bpf_list_node node; u64 value; };
private(A) struct bpf_spin_lock lock;
private(A) struct bpf_list_head head __contains(item, node);

SEC("tc")
int enqueue(struct __sk_buff *skb)
{
    struct item *item = bpf_obj_new_impl(bpf_core_type_id_local(struct item), NULL);

    if (!item)
        return 0;
    item->value = skb->len;
    bpf_list_push_front_impl(&head, &item->node, NULL, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
