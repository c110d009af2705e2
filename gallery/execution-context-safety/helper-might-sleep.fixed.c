#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char text[16];

SEC("uprobe.s")
int read_name(struct pt_regs *ctx)
{
	bpf_copy_from_user(text, sizeof(text), (void *)ctx->di);
	return 0;
}

char _license[] SEC("license") = "GPL";
