#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define new(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), NULL))

extern void *bpf_obj_new_impl(__u64 local_type_id__k, void *meta__ign) __ksym;
extern void bpf_obj_drop_impl(void *p__alloc, void *meta__ign) __ksym;

struct item {
	long key;
	struct bpf_rb_node node;
};

SEC("tc")
int make(struct __sk_buff *skb)
{
	struct item *item = new(struct item);

	if (!item)
		return 0;
	item->key = 0;
	bpf_obj_drop_impl(item, NULL);
	return 0;
}

char _license[] SEC("license") = "GPL";
