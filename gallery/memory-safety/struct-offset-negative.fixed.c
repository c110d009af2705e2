#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sched_process_exec")
int BPF_PROG(executed, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	int before = 0;

	bpf_probe_read_kernel(&before, sizeof(before), (int *)task - 1);
	return before;
}

char _license[] SEC("license") = "GPL";
