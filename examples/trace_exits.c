/* How processes end, and whose children they are: kernel functions take and give back references. Recorded in a real kernel. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
void bpf_task_release(struct task_struct *task) __ksym;

struct exit {
	u32 pid;
	u32 parent;
	u32 status; /* what main() returned, or the signal */
	char parent_comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} exits SEC(".maps");

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task_struct *parent;
	struct exit *exit;

	if (task->pid != task->tgid)
		return 0; /* a thread, not the process */
	exit = bpf_ringbuf_reserve(&exits, sizeof(*exit), 0);
	if (!exit)
		return 0;
	exit->pid = task->tgid;
	exit->parent = task->real_parent->tgid;
	exit->status = task->exit_code & 0x7f ?: task->exit_code >> 8 & 0xff;
	exit->parent_comm[0] = 0;
	parent = bpf_task_from_pid(exit->parent);
	if (parent) {
		bpf_probe_read_kernel_str(exit->parent_comm, sizeof(exit->parent_comm), parent->comm);
		bpf_task_release(parent);
	}
	bpf_ringbuf_submit(exit, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
