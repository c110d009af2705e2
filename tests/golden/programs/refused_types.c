// An object with two locks: the kernel refuses all types of the program's object, and libbpf goes on without them.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

extern void bpf_throw(__u64 cookie) __ksym;

struct twice {
	struct bpf_spin_lock one, other;
};

struct locked {
	long count;
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct locked);
} values SEC(".maps");

SEC("tc")
int allocates(struct __sk_buff *ctx)
{
	struct twice *object = bpf_obj_new_impl(bpf_core_type_id_local(struct twice), 0);

	if (object)
		bpf_obj_drop_impl(object, 0);
	return 0;
}

SEC("tc")
int locks(struct __sk_buff *ctx)
{
	int key = 0;
	struct locked *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	value->count++;
	bpf_spin_unlock(&value->lock);
	return 0;
}

SEC("tc")
int needs_no_types(struct __sk_buff *ctx)
{
	return ctx->len;
}

// libbpf appends the callback by the types it has itself; without the kernel's nothing calls it.
__noinline int catches(__u64 cookie)
{
	return cookie & 1;
}

__attribute__((btf_decl_tag("exception_callback:catches")))
SEC("tc")
int throws(struct __sk_buff *ctx)
{
	if (ctx->len > 5)
		bpf_throw(3);
	return 1;
}

char _license[] SEC("license") = "GPL";
