// Allocated objects: only special members of their own make them special.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

struct linked {
	struct bpf_list_node link;
	long value;
};

struct around {
	long value;
	struct linked inner;
};

struct pointers {
	long value;
	struct task_struct __attribute__((btf_type_tag("kptr"))) *tasks[2];
};

#define WRITES(name, type, member)                                                                                     \
	SEC("tc")                                                                                                      \
	int name(struct __sk_buff *ctx)                                                                                \
	{                                                                                                              \
		type *object = bpf_obj_new_impl(bpf_core_type_id_local(type), 0);                                      \
                                                                                                                       \
		if (!object)                                                                                           \
			return 0;                                                                                      \
		*(volatile long *)&object->member = 1;                                                                 \
		bpf_obj_drop_impl(object, 0);                                                                          \
		return 1;                                                                                              \
	}

WRITES(own_member, struct linked, link)
WRITES(inner_member, struct around, inner.link)
WRITES(array_of_pointers, struct pointers, tasks[1])

char _license[] SEC("license") = "GPL";
