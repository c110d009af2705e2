#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

const volatile u32 which = 1;

SEC("tracepoint/syscalls/sys_enter_openat")
int any_arg(struct trace_event_raw_sys_enter *ctx)
{
	u32 i = which;

	if (i > 5)
		return 0;
	bpf_printk("argument %lx", ctx->args[i]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
