/* Which programs are started, and by whom: a tracepoint, a ring buffer. Recorded in a real kernel. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct event {
	u32 pid;
	u32 parent;
	char comm[16];
	char file[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

SEC("tp/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->parent = ctx->old_pid;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	/* where the name is: the low half of __data_loc is an offset in the event */
	bpf_probe_read_kernel_str(e->file, sizeof(e->file), (void *)ctx + (ctx->__data_loc_filename & 0xffff));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
