#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("raw_tp/sched_switch")
int sw(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *prev = (struct task_struct *)ctx->args[1];

	if (prev->pid == 1)
		bpf_printk("init");
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
