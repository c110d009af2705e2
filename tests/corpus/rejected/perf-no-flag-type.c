#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} out SEC(".maps");

struct msg { u32 pid; u32 uid; };

SEC("tracepoint/syscalls/sys_enter_setuid")
int on_setuid(struct trace_event_raw_sys_enter *ctx)
{
	struct msg m = {
		.pid = bpf_get_current_pid_tgid() >> 32,
		.uid = ctx->args[0],
	};

	bpf_perf_event_output(&m, &out, BPF_F_CURRENT_CPU, &m, sizeof(m));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
