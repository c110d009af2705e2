#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task__nullable, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;

int tasks;

SEC("fentry.s/bpf_fentry_test1")
int count(void *ctx)
{
	struct task_struct *task;

	bpf_for_each(task, task, NULL, BPF_TASK_ITER_ALL_PROCS)
		tasks++;
	return 0;
}

char _license[] SEC("license") = "GPL";
