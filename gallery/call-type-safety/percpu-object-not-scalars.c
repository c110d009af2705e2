#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct item {
    __u64 count;
    void *where;
};

SEC("tc")
int make(struct __sk_buff *skb)
{
    struct item *item = bpf_percpu_obj_new_impl(bpf_core_type_id_local(struct item), NULL);

    if (item)
        bpf_percpu_obj_drop_impl(item, NULL);
    return 0;
}

char _license[] SEC("license") = "GPL";
