#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct note {
	u64 stamp;
	struct { u32 cpu; u32 pid; } body;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} notes SEC(".maps");

SEC("tp/sched/sched_switch")
int note_switch(void *ctx)
{
	struct note *n = bpf_ringbuf_reserve(&notes, sizeof(*n), 0);

	if (!n)
		return 0;
	n->stamp = bpf_ktime_get_ns();
	n->body.cpu = bpf_get_smp_processor_id();
	n->body.pid = (u32)bpf_get_current_pid_tgid();
	bpf_ringbuf_submit(&n->body, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
