#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

u32 wanted;

SEC("tp/sched/sched_process_fork")
int forked(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 depth = 0;

	while (BPF_CORE_READ(task, tgid) != 1) {
		task = BPF_CORE_READ(task, real_parent);
		depth++;
	}
	wanted = depth;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
