#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sched_process_exec")
int BPF_PROG(times, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	bpf_task_pt_regs((struct task_struct *)bprm);
	return 0;
}

char _license[] SEC("license") = "GPL";
