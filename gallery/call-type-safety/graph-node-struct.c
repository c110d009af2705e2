#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct item {
    struct bpf_list_node node;
    __u64 value;
};

struct other {
    struct bpf_list_node node;
    __u64 first, second;
};

struct bpf_spin_lock lock SEC(".bss.list") __hidden;
struct bpf_list_head items SEC(".bss.list") __hidden __attribute__((btf_decl_tag("contains:item:node")));
struct bpf_list_head others SEC(".bss.list") __hidden __attribute__((btf_decl_tag("contains:other:node")));

SEC("tc")
int add(struct __sk_buff *skb)
{
    struct item *item = bpf_obj_new_impl(bpf_core_type_id_local(struct item), NULL);
    struct other *other;

    if (!item)
        return 0;
    other = bpf_obj_new_impl(bpf_core_type_id_local(struct other), NULL);
    if (!other) {
        bpf_obj_drop_impl(item, NULL);
        return 0;
    }
    bpf_spin_lock(&lock);
    bpf_list_push_front_impl(&items, &item->node, NULL, 0);
    bpf_list_push_front_impl(&items, &other->node, NULL, 0);
    bpf_spin_unlock(&lock);
    return 0;
}

char _license[] SEC("license") = "GPL";
