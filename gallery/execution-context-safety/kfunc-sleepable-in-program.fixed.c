#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern int bpf_copy_from_user_str(void *dst, __u32 dst__sz, const void *unsafe_ptr__ign, __u64 flags) __ksym;

char text[16];

SEC("uprobe.s")
int read_name(struct pt_regs *ctx)
{
	bpf_copy_from_user_str(text, sizeof(text), (void *)ctx->di, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
