#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tracepoint/syscalls/sys_enter_write")
int first_char(struct trace_event_raw_sys_enter *ctx)
{
	const char *buf = (const char *)ctx->args[1];
	size_t n = ctx->args[2];

	if (n > 0 && buf[0] == '/')
		bpf_printk("path written");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
