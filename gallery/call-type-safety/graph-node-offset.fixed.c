#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct item {
    struct bpf_list_node by_age;
    __u64 value;
};

struct bpf_spin_lock lock SEC(".bss.list") __hidden;
struct bpf_list_head list SEC(".bss.list") __hidden __attribute__((btf_decl_tag("contains:item:by_age")));

SEC("tc")
int add(struct __sk_buff *skb)
{
    struct item *item = bpf_obj_new_impl(bpf_core_type_id_local(struct item), NULL);

    if (!item)
        return 0;
    bpf_spin_lock(&lock);
    bpf_list_push_front_impl(&list, &item->by_age, NULL, 0);
    bpf_spin_unlock(&lock);
    return 0;
}

char _license[] SEC("license") = "GPL";
