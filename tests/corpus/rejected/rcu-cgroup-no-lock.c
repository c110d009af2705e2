#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern struct cgroup *bpf_cgroup_acquire(struct cgroup *cgrp) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;

SEC("lsm.s/file_open")
int BPF_PROG(opened, struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cgroup *cg = bpf_cgroup_acquire(task->cgroups->dfl_cgrp);

	if (!cg)
		return 0;
	bpf_printk("%d", cg->level);
	bpf_cgroup_release(cg);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
