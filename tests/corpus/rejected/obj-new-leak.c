#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *kptr, void *meta) __ksym;
#define bpf_obj_new(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), NULL))
#define bpf_obj_drop(kptr) bpf_obj_drop_impl(kptr, NULL)

struct item {
	u64 key;
	u64 value;
};

SEC("tc")
int make(struct __sk_buff *skb)
{
	struct item *it = bpf_obj_new(struct item);

	if (!it)
		return 0;
	it->key = skb->hash;
	it->value = skb->len;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
