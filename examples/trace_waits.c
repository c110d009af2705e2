/* How long tasks wait for a processor after they were woken, and who runs instead. Recorded in a real kernel. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} woken SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 24);
	__type(key, u32);
	__type(value, u64);
} waits SEC(".maps"); /* number of waits of 2^key to 2^(key + 1) microseconds */

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	u32 pid = task->pid;
	u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&woken, &pid, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 pid = next->pid, bucket = 0;
	u64 *since = bpf_map_lookup_elem(&woken, &pid), *count, micros;

	if (!since)
		return 0;
	micros = (bpf_ktime_get_ns() - *since) / 1000;
	bpf_map_delete_elem(&woken, &pid);
	while (micros > 1 && bucket < 23) {
		micros >>= 1;
		bucket++;
	}
	count = bpf_map_lookup_elem(&waits, &bucket);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
