#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct item {
    struct bpf_list_node node;
    struct bpf_refcount count;
    __u64 value;
};

SEC("tc")
int share(struct __sk_buff *skb)
{
    struct item *item = bpf_obj_new_impl(bpf_core_type_id_local(struct item), NULL);
    struct item *other;

    if (!item)
        return 0;
    other = bpf_refcount_acquire_impl(item, NULL);
    bpf_obj_drop_impl(item, NULL);
    if (other)
        bpf_obj_drop_impl(other, NULL);
    return 0;
}

char _license[] SEC("license") = "GPL";
