#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

u32 pids[8];

SEC("tp_btf/sched_process_exit")
int BPF_PROG(check_all, struct task_struct *dead)
{
	for (int i = 0; i < 8; i++) {
		struct task_struct *t = bpf_task_from_pid(pids[i]);

		if (!t)
			continue;
		if (t->tgid == dead->tgid)
			continue;
		bpf_printk("%d is alive", t->tgid);
		bpf_task_release(t);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
