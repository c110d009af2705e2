#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct record {
	char bytes[520];
};

struct value {
	struct record __percpu_kptr *record;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} kept SEC(".maps");

SEC("tp_btf/sched_process_exec")
int allocate(void *ctx)
{
	__u32 zero = 0;
	struct value *value = bpf_map_lookup_elem(&kept, &zero);
	struct record __percpu_kptr *record;

	if (!value)
		return 0;
	record = bpf_percpu_obj_new_impl(bpf_core_type_id_local(struct record), 0);
	if (!record)
		return 0;
	record = bpf_kptr_xchg(&value->record, record);
	if (record)
		bpf_percpu_obj_drop_impl(record, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
