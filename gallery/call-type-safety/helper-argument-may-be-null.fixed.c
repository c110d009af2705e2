#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} forks SEC(".maps");

SEC("tp_btf/sched_process_fork")
int BPF_PROG(count, struct task_struct *parent)
{
	struct task_struct *task = bpf_task_from_pid(parent->tgid);
	__u64 *value;

	if (!task)
		return 0;
	value = bpf_task_storage_get(&forks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (value)
		*value += 1;
	bpf_task_release(task);
	return 0;
}

char _license[] SEC("license") = "GPL";
