#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct value {
	__u64 number;
	struct task_struct __kptr *task;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} kept SEC(".maps");

SEC("tp_btf/sched_process_exit")
int drop(void *ctx)
{
	__u32 zero = 0, pid = bpf_get_current_pid_tgid();
	struct value *value = bpf_map_lookup_elem(&kept, &zero);
	struct task_struct *task;

	if (!value)
		return 0;
	task = bpf_kptr_xchg(&value->task, 0);
	if (task)
		bpf_task_release(task);
	return 0;
}

char _license[] SEC("license") = "GPL";
