#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int bpf_iter_css_task_new(struct bpf_iter_css_task *it, struct cgroup_subsys_state *css, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_css_task_next(struct bpf_iter_css_task *it) __ksym;
extern void bpf_iter_css_task_destroy(struct bpf_iter_css_task *it) __ksym;
extern struct cgroup *bpf_cgroup_from_id(__u64 cgid) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;

int tasks;

SEC("fentry/bpf_fentry_test1")
int count(void *ctx)
{
	struct cgroup *cgrp = bpf_cgroup_from_id(1);
	struct task_struct *task;

	if (!cgrp)
		return 0;
	bpf_for_each(css_task, task, &cgrp->self, CSS_TASK_ITER_PROCS)
		tasks++;
	bpf_cgroup_release(cgrp);
	return 0;
}

char _license[] SEC("license") = "GPL";
