#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tracepoint/sched/sched_process_exit")
int gone(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (task->tgid != task->pid)
		return 0;
	bpf_printk("exit %d", task->tgid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
