#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tp/syscalls/sys_enter_chdir")
int on_chdir(struct trace_event_raw_sys_enter *ctx)
{
	char dir[64] = {};
	u32 n = 0;

	bpf_probe_read_user_str(dir, sizeof(dir), (void *)ctx->args[0]);
	while (dir[n])
		n++;
	bpf_printk("%u characters", n);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
