#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sched_process_exec")
int BPF_PROG(note_name, struct task_struct *task)
{
	char name[16];

	bpf_get_current_comm(name, sizeof(name));
	return 0;
}

char _license[] SEC("license") = "GPL";
