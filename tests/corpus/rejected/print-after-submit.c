#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct ev {
	u32 pid;
	int code;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} rb SEC(".maps");

SEC("tp/syscalls/sys_exit_read")
int read_done(struct trace_event_raw_sys_exit *ctx)
{
	struct ev *ev;

	if (ctx->ret >= 0)
		return 0;
	ev = bpf_ringbuf_reserve(&rb, sizeof(*ev), 0);
	if (ev) {
		ev->pid = bpf_get_current_pid_tgid() >> 32;
		ev->code = ctx->ret;
		bpf_ringbuf_submit(ev, 0);
		bpf_printk("read of %d failed: %d", ev->pid, ev->code);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
