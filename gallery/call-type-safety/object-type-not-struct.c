#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

SEC("tc")
int make(struct __sk_buff *skb)
{
    int *number = bpf_obj_new_impl(bpf_core_type_id_local(int), NULL);

    if (number)
        bpf_obj_drop_impl(number, NULL);
    return 0;
}

char _license[] SEC("license") = "GPL";
