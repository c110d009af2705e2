#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct value {
	long count;
	struct task_struct __kptr_untrusted *tasks[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} kept SEC(".maps");

SEC("tp_btf/sched_process_exec")
int BPF_PROG(executed, struct task_struct *task)
{
	__u32 zero = 0;
	struct value *value = bpf_map_lookup_elem(&kept, &zero);

	if (!value)
		return 0;
	return value->tasks[task->pid & 7] == task;
}

char _license[] SEC("license") = "GPL";
